package main

import (
	"slices"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

// state is what an API server or the informers hold. What is nil is not said.
type state struct {
	backup   *maybe
	jobs     *[]*batchv1.Job
	clusters *[]cluster
	secrets  *[]secret
	claims   *[]claim
}

// maybe is a Backup, or that there is none.
type maybe struct{ object *v1alpha1.Backup }

func (s *state) record(now time.Time) record {
	said := record{}
	if s.backup != nil {
		said["backup"] = wholeBackup(s.backup.object, now)
	}
	if s.jobs != nil {
		jobs := []any{}
		for _, each := range *s.jobs {
			jobs = append(jobs, generic(each, now))
		}
		said["jobs"] = jobs
	}
	if s.clusters != nil {
		said["clusters"] = listed(*s.clusters)
	}
	if s.secrets != nil {
		said["secrets"] = listed(*s.secrets)
	}
	if s.claims != nil {
		said["claims"] = listed(*s.claims)
	}
	return said
}

func listed[T any](values []T) []T {
	if values == nil {
		return []T{}
	}
	return values
}

// cluster is a TidbCluster in short.
type cluster struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Ready     bool   `json:"ready"`
	TikvImage string `json:"tikvImage"`
	AcrossK8s bool   `json:"acrossK8s"`
	HasTikv   bool   `json:"hasTikv"`
	TLS       bool   `json:"tls"`
}

func (c cluster) object() *v1alpha1.TidbCluster {
	object := &v1alpha1.TidbCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: "pingcap.com/v1alpha1", Kind: "TidbCluster"},
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name, UID: "cluster"},
		Spec: v1alpha1.TidbClusterSpec{
			AcrossK8s:  c.AcrossK8s,
			TLSCluster: &v1alpha1.TLSCluster{Enabled: c.TLS},
			PD:         &v1alpha1.PDSpec{Replicas: 3},
			TiDB:       &v1alpha1.TiDBSpec{Replicas: 2},
			TiKV:       &v1alpha1.TiKVSpec{ComponentSpec: v1alpha1.ComponentSpec{Image: c.TikvImage}},
		},
	}
	if c.HasTikv {
		object.Spec.TiKV.Replicas = 3
		object.Status.TiKV.Stores = map[string]v1alpha1.TiKVStore{"1": {ID: "1"}}
	}
	ready := corev1.ConditionFalse
	if c.Ready {
		ready = corev1.ConditionTrue
	}
	object.Status.Conditions = []v1alpha1.TidbClusterCondition{{Type: v1alpha1.TidbClusterReady, Status: ready}}
	return object
}

// secretValue is what every key of a secret holds.
const secretValue = "value"

type secret struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Keys      []string `json:"keys"`
}

func (s secret) object() *corev1.Secret {
	object := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}, Data: map[string][]byte{}}
	for _, each := range s.Keys {
		object.Data[each] = []byte(secretValue)
	}
	return object
}

type claim struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Storage   string `json:"storage"`
}

func (c claim) object() *corev1.PersistentVolumeClaim {
	object := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}}
	object.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(c.Storage)}
	return object
}

var (
	backupResource  = schema.GroupVersionResource{Group: "pingcap.com", Version: "v1alpha1", Resource: "backups"}
	clusterResource = schema.GroupVersionResource{Group: "pingcap.com", Version: "v1alpha1", Resource: "tidbclusters"}
	jobResource     = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	claimResource   = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
)

// server is the content of the two fake clientsets. Secrets are read from caches only, so it holds none.
type server struct{ backups, others testing.ObjectTracker }

func (s *server) where(object runtime.Object) (testing.ObjectTracker, schema.GroupVersionResource) {
	switch object.(type) {
	case *v1alpha1.Backup:
		return s.backups, backupResource
	case *v1alpha1.TidbCluster:
		return s.backups, clusterResource
	case *batchv1.Job:
		return s.others, jobResource
	case *corev1.PersistentVolumeClaim:
		return s.others, claimResource
	}
	panic(defect("the server has no place for this"))
}

// put creates or replaces an object.
func (s *server) put(object runtime.Object) {
	tracker, kind := s.where(object)
	accessor, err := meta.Accessor(object)
	must(err)
	_ = tracker.Delete(kind, accessor.GetNamespace(), accessor.GetName())
	must(tracker.Create(kind, object, accessor.GetNamespace()))
}

// list returns all objects of a kind by name.
func list[T any](tracker testing.ObjectTracker, resource schema.GroupVersionResource, kind string) []*T {
	found, err := tracker.List(resource, resource.GroupVersion().WithKind(kind), "")
	must(err)
	objects, err := meta.ExtractList(found)
	must(err)
	typed := make([]*T, 0, len(objects))
	for _, each := range objects {
		typed = append(typed, any(each).(*T))
	}
	slices.SortFunc(typed, func(a, b *T) int { return compareNames(a, b) })
	return typed
}

func compareNames(a, b any) int {
	first, err := meta.Accessor(a)
	must(err)
	second, err := meta.Accessor(b)
	must(err)
	switch {
	case first.GetName() < second.GetName():
		return -1
	case first.GetName() > second.GetName():
		return 1
	}
	return 0
}

func (s *server) jobs() []*batchv1.Job { return list[batchv1.Job](s.others, jobResource, "Job") }

func (s *server) clusters() []*v1alpha1.TidbCluster {
	return list[v1alpha1.TidbCluster](s.backups, clusterResource, "TidbCluster")
}

func (s *server) backup(of key) *v1alpha1.Backup {
	found, err := s.backups.Get(backupResource, of.namespace, of.name)
	if err != nil {
		return nil
	}
	return found.(*v1alpha1.Backup)
}

// set replaces what is said.
func (s *server) set(said *state, of key) {
	if said.backup != nil {
		_ = s.backups.Delete(backupResource, of.namespace, of.name)
		if said.backup.object != nil {
			s.put(copied(said.backup.object))
		}
	}
	if said.jobs != nil {
		for _, each := range s.jobs() {
			must(s.others.Delete(jobResource, each.Namespace, each.Name))
		}
		for _, each := range *said.jobs {
			s.put(copied(each))
		}
	}
	if said.clusters != nil {
		for _, each := range s.clusters() {
			must(s.backups.Delete(clusterResource, each.Namespace, each.Name))
		}
		for _, each := range *said.clusters {
			s.put(each.object())
		}
	}
	if said.claims != nil {
		for _, each := range list[corev1.PersistentVolumeClaim](s.others, claimResource, "PersistentVolumeClaim") {
			must(s.others.Delete(claimResource, each.Namespace, each.Name))
		}
		for _, each := range *said.claims {
			s.put(each.object())
		}
	}
}

// set replaces what is said by new objects.
func (c *caches) set(said *state) {
	if said.backup != nil {
		var objects []*v1alpha1.Backup
		if said.backup.object != nil {
			objects = append(objects, copied(said.backup.object))
		}
		replace(c.backups, objects)
	}
	if said.jobs != nil {
		var objects []*batchv1.Job
		for _, each := range *said.jobs {
			objects = append(objects, copied(each))
		}
		replace(c.jobs, objects)
	}
	if said.clusters != nil {
		var objects []*v1alpha1.TidbCluster
		for _, each := range *said.clusters {
			objects = append(objects, each.object())
		}
		replace(c.clusters, objects)
	}
	if said.secrets != nil {
		var objects []*corev1.Secret
		for _, each := range *said.secrets {
			objects = append(objects, each.object())
		}
		replace(c.secrets, objects)
	}
	if said.claims != nil {
		var objects []*corev1.PersistentVolumeClaim
		for _, each := range *said.claims {
			objects = append(objects, each.object())
		}
		replace(c.claims, objects)
	}
}

func replace[T any](indexer cache.Indexer, objects []*T) {
	values := make([]any, 0, len(objects))
	for _, each := range objects {
		values = append(values, each)
	}
	must(indexer.Replace(values, ""))
}

// backup is the very object that the cache holds.
func (c *caches) backup(of key) *v1alpha1.Backup {
	found, exists, err := c.backups.GetByKey(of.String())
	must(err)
	if !exists {
		return nil
	}
	return found.(*v1alpha1.Backup)
}
