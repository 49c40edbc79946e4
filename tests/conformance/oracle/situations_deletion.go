package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
)

// deletionSituation is about Backups that are being deleted, or are soon.
func deletionSituation(b builder) *situation {
	object, jobs := b.doomed()
	object.Spec.CleanPolicy = one(b.dice, "", v1alpha1.CleanPolicyTypeRetain, v1alpha1.CleanPolicyTypeDelete,
		v1alpha1.CleanPolicyTypeDelete, v1alpha1.CleanPolicyTypeOnFailure, v1alpha1.CleanPolicyTypeOnFailure)
	object.Finalizers = mostly(b.dice, 12, []string{finalizer}, nil, []string{"example.com/keep"},
		[]string{finalizer, "example.com/keep"}, []string{"example.com/keep", finalizer})
	if b.chance(92) {
		object.DeletionTimestamp = b.ref(-b.IntN(100))
	}
	status := &object.Status
	status.BackupPath = mostly(b.dice, 30, "s3://bucket/full", "")
	if b.chance(25) {
		kind := mostly(b.dice, 30, v1alpha1.BackupClean, v1alpha1.BackupCleanFailed)
		status.Conditions = append(status.Conditions, b.condition(kind, mostly(b.dice, 50, trueCond, falseCond), -30))
		status.Phase = kind
	}
	if b.chance(25) {
		jobs = append(jobs, b.anyJob(object, object.GetCleanJobName(), 20))
	}
	if object.Spec.Mode == v1alpha1.BackupModeLog && b.chance(45) {
		jobs = append(jobs, b.anyJob(object, object.GetStopLogBackupJobName(), 20))
	}
	s := b.newSituation(object, jobs)
	s.when = b.sequence(one(b.dice, object.GetCleanJobName(), object.GetStopLogBackupJobName(), jobName(object, "")),
		func() happening { return b.endJobs(b.chance(80)) },
		func() happening { return removeJobs(b.chance(80)) },
		b.cleanPod, b.cleanPod,
		b.policyEdit,
		func() happening { return b.changeClusters(object) },
		func() happening { return b.changeSecrets(object) },
	)
	if b.chance(25) {
		s.when = b.story(b.event, b.sync, b.catchUp, b.cleanPod, func() happening { return b.endJobs(true) }, b.sync, b.catchUp,
			b.sync)
	}
	return s
}

// doomed is a Backup of any mode with the Jobs that it may have.
func (b builder) doomed() (object *v1alpha1.Backup, jobs []*batchv1.Job) {
	if b.chance(50) {
		object, jobs = b.newLogBackup()
		if b.chance(2) {
			object.Spec.BR = nil
		}
		return object, jobs
	}
	object = b.newBackup(mostly(b.dice, 15, v1alpha1.BackupModeSnapshot, v1alpha1.BackupModeVolumeSnapshot, ""))
	if object.Spec.Mode == v1alpha1.BackupModeVolumeSnapshot {
		b.volumeStatus(&object.Status)
	} else {
		b.snapshotStatus(object)
	}
	if b.chance(8) {
		b.makeExport(object)
	}
	if b.chance(3) {
		object.Spec.StorageProvider = v1alpha1.StorageProvider{Gcs: &v1alpha1.GcsStorageProvider{Bucket: "bucket"}}
	}
	if b.chance(55) {
		jobs = append(jobs, b.anyJob(object, jobName(object, ""), 25))
	}
	return object, jobs
}

// cleanPod writes what the pods of the clean and the stop Job write.
func (b builder) cleanPod() happening {
	stops := b.chance(40)
	stopped := one(b.dice, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete, v1alpha1.BackupFailed)
	cleaned := mostly(b.dice, 25, v1alpha1.BackupClean, v1alpha1.BackupCleanFailed)
	return edit(b.chance(90), func(object *v1alpha1.Backup) {
		condition := &v1alpha1.BackupCondition{Type: cleaned, Status: trueCond}
		if stops && object.Spec.Mode == v1alpha1.BackupModeLog {
			condition = &v1alpha1.BackupCondition{Command: v1alpha1.LogStopCommand, Type: stopped, Status: trueCond}
		}
		updateStatus(object, condition, nil)
		object.ResourceVersion = "200"
	})
}

func (b builder) policyEdit() happening {
	policy, which := one(b.dice, v1alpha1.CleanPolicyTypeDelete, v1alpha1.CleanPolicyTypeRetain, v1alpha1.CleanPolicyTypeOnFailure, ""),
		b.IntN(3)
	return edit(b.chance(90), func(object *v1alpha1.Backup) {
		object.ResourceVersion = "300"
		if which > 0 {
			object.Spec.CleanPolicy = policy
		} else if object.DeletionTimestamp == nil {
			object.DeletionTimestamp = b.ref(0)
		}
	})
}
