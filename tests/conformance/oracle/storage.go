package main

import (
	"os"
	"path/filepath"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
)

// The storage of a vector with a Local storage is a directory of its own. In objects it has its real name while the
// operator reads them, and the name of the vector where they are printed.

func (w *world) needMount() {
	if w.mount != "" {
		return
	}
	mount, err := os.MkdirTemp("", "oracle-storage-")
	must(err)
	w.mount = mount
}

// mountAt lets the Backups of a situation use the directory.
func (s *situation) mountAt(directory string) {
	for _, each := range []*maybe{s.server.backup, s.cache.backup} {
		if each != nil && usesMount(each.object) {
			each.object.Spec.Local.VolumeMount.MountPath = directory
		}
	}
}

func usesMount(object *v1alpha1.Backup) bool {
	return object != nil && object.Spec.Local != nil && object.Spec.Local.VolumeMount.MountPath == mountPath
}

// store replaces the content of the storage by files of these names.
func (w *world) store(names []string) {
	entries, err := os.ReadDir(w.mount)
	must(err)
	for _, each := range entries {
		must(os.RemoveAll(filepath.Join(w.mount, each.Name())))
	}
	for _, each := range names {
		must(os.WriteFile(filepath.Join(w.mount, each), []byte("{}"), 0o600))
	}
}
