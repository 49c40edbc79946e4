package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
)

// newSituation completes what is given for the Backup: what it needs is there, mostly, and the caches are up to date,
// mostly.
func (b builder) newSituation(object *v1alpha1.Backup, jobs []*batchv1.Job) *situation {
	end := wholeSecond
	if object.Spec.Mode == v1alpha1.BackupModeSnapshot {
		end = endFor(object.Spec.BackoffRetryPolicy, len(object.Status.BackoffRetryStatus))
		if end < leastTime {
			object.Spec.BackoffRetryPolicy.MinRetryDuration, end = "0", wholeSecond
		}
	}
	secrets, clusters, claims := b.secretsFor(object), b.clustersFor(object), []claim{}
	s := &situation{
		key:    key{object.Namespace, object.Name},
		server: state{&maybe{object}, &jobs, &clusters, &secrets, &claims},
		task:   &taskState{},
		end:    end,
	}
	if b.chance(8) {
		s.cache.jobs = &[]*batchv1.Job{}
	}
	if b.chance(4) {
		s.cache.clusters = &[]cluster{}
	}
	if b.chance(2) {
		s.cache.clusters, s.server.clusters = s.server.clusters, &[]cluster{}
	}
	if b.chance(6) {
		s.server.backup = &maybe{b.newer(object)}
		s.cache.backup = &maybe{object}
	}
	if b.chance(1) {
		s.server.backup = &maybe{}
		s.cache.backup = &maybe{object}
	}
	return s
}

// newer is the same Backup after a write that the cache has not seen.
func (b builder) newer(object *v1alpha1.Backup) *v1alpha1.Backup {
	later := object.DeepCopy()
	later.ResourceVersion = "101"
	condition := b.condition(one(b.dice, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete,
		v1alpha1.BackupFailed, v1alpha1.BackupScheduled), trueCond, -1)
	if object.Spec.Mode == v1alpha1.BackupModeLog {
		later.Status.CommitTs = startTSO
		return later
	}
	v1alpha1.UpdateBackupCondition(&later.Status, &condition)
	for i := range later.Status.Conditions {
		if later.Status.Conditions[i].Type == condition.Type {
			later.Status.Conditions[i].LastTransitionTime = b.at(-1)
		}
	}
	return later
}
