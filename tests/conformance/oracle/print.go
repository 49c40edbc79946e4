package main

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
)

// generic is a value as its type marshals it, in JSON's terms, with times relative to now.
func generic(value any, now time.Time) any {
	text, err := json.Marshal(value)
	must(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded any
	must(decoder.Decode(&decoded))
	return relative(decoded, now)
}

// wholeBackup is an object as Go reads it: what has a default in the CRD is there even if it is empty, since an absent
// one would be read as the default.
func wholeBackup(object *v1alpha1.Backup, now time.Time) any {
	if object == nil {
		return nil
	}
	whole := generic(object, now).(record)
	spec := whole["spec"].(record)
	spec["backupMode"] = string(object.Spec.Mode)
	spec["cleanPolicy"] = string(object.Spec.CleanPolicy)
	spec["volumeBackupInitJobMaxActiveSeconds"] = object.Spec.VolumeBackupInitJobMaxActiveSeconds
	return whole
}

// backupRecord is what outcomes say of a Backup.
func backupRecord(object *v1alpha1.Backup, now time.Time) record {
	finalizers := object.Finalizers
	if finalizers == nil {
		finalizers = []string{}
	}
	return record{
		"resourceVersion": object.ResourceVersion,
		"finalizers":      finalizers,
		"status":          generic(object.Status, now),
	}
}

// copied is an object as an informer would read it from the API server: a new one, with whole seconds.
func copied[T any](object *T) *T {
	text, err := json.Marshal(object)
	must(err)
	read := new(T)
	must(json.Unmarshal(text, read))
	return read
}
