package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
)

var federalPhases = []v1alpha1.FederalVolumeBackupPhase{
	v1alpha1.FederalVolumeBackupInitialize, v1alpha1.FederalVolumeBackupExecute, v1alpha1.FederalVolumeBackupTeardown,
}

var volumeConditions = []v1alpha1.BackupConditionType{
	v1alpha1.BackupScheduled, v1alpha1.BackupRunning, v1alpha1.VolumeBackupInitialized, v1alpha1.VolumeBackupSnapshotsCreated,
	v1alpha1.VolumeBackupInitializeComplete, v1alpha1.VolumeBackupComplete, v1alpha1.VolumeBackupFailed,
	v1alpha1.VolumeBackupInitializeFailed, v1alpha1.BackupPrepare, v1alpha1.BackupRetryTheFailed, v1alpha1.BackupFailed,
	v1alpha1.BackupComplete,
}

// volumeSituation is about volume-snapshot backups. The operator looks into the storage in phase execute, so the storage is
// a directory there, or of no known kind.
func volumeSituation(b builder) *situation {
	object := b.newBackup(v1alpha1.BackupModeVolumeSnapshot)
	spec := &object.Spec
	spec.FederalVolumeBackupPhase = mostly(b.dice, 6, one(b.dice, federalPhases...), "", "weird")
	spec.ResumeGcSchedule = b.chance(35)
	b.volumeStatus(&object.Status)
	if b.chance(96) {
		spec.StorageProvider = v1alpha1.StorageProvider{}
		b.setLocal(spec)
	}
	if b.chance(3) {
		spec.StorageProvider = v1alpha1.StorageProvider{}
	}
	if spec.S3 != nil || spec.Gcs != nil || spec.Azblob != nil {
		spec.FederalVolumeBackupPhase = one(b.dice, v1alpha1.FederalVolumeBackupInitialize, v1alpha1.FederalVolumeBackupTeardown)
	}
	if b.chance(2) {
		b.makeExport(object)
	}
	initJob, executeJob := jobName(object, "-init"), jobName(object, "")
	var jobs []*batchv1.Job
	if b.chance(65) {
		jobs = append(jobs, b.anyJob(object, initJob, 20))
	}
	likely := 30
	if spec.FederalVolumeBackupPhase == v1alpha1.FederalVolumeBackupExecute {
		likely = 75
	}
	if b.chance(likely) {
		jobs = append(jobs, b.anyJob(object, executeJob, 25))
	}
	s := b.newSituation(object, jobs)
	s.local = spec.Local != nil && spec.Local.VolumeMount.MountPath == mountPath
	if s.local && b.chance(50) {
		s.storage = one(b.dice, []string{"backupmeta"}, []string{"backupmeta", "clustermeta"}, []string{"backup.lock"})
	}
	ways := []func() happening{
		func() happening { return b.endJobs(b.chance(80)) },
		func() happening { return removeJobs(b.chance(80)) },
		func() happening {
			return b.podWrites(v1alpha1.BackupRunning, v1alpha1.VolumeBackupInitialized, v1alpha1.VolumeBackupInitializeFailed,
				v1alpha1.BackupPrepare, v1alpha1.VolumeBackupComplete, v1alpha1.VolumeBackupFailed)
		},
		func() happening { return b.changeClusters(object) },
	}
	if s.local {
		ways = append(ways, b.federate, b.federate, b.federate, b.changeStorage)
	}
	s.when = b.sequence(one(b.dice, initJob, executeJob), ways...)
	return s
}

func (b builder) volumeStatus(status *v1alpha1.BackupStatus) {
	stages := volumeConditions[:6]
	b.choose(
		weighted{12, func() {}},
		weighted{55, func() { b.history(status, stages[:b.between(1, len(stages))]...) }},
		weighted{20, func() {
			b.history(status, stages[:b.between(1, len(stages))]...)
			b.history(status, one(b.dice, volumeConditions[6:]...))
		}},
		weighted{13, func() { b.mixture(status, volumeConditions) }},
	)
}

// federate does what the federation's controller does from outside.
func (b builder) federate() happening {
	phase, resume, which := one(b.dice, federalPhases...), b.chance(60), b.IntN(3)
	return edit(b.chance(90), func(object *v1alpha1.Backup) {
		object.ResourceVersion = "300"
		if which != 0 {
			object.Spec.FederalVolumeBackupPhase = phase
		}
		if which != 1 {
			object.Spec.ResumeGcSchedule = resume
		}
	})
}

func (b builder) changeStorage() happening {
	names := one(b.dice, []string{}, []string{"backupmeta"})
	return happening{change: func(*world) change { return change{storage: &names} }}
}
