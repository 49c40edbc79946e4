package main

import (
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
)

// snapshotSituation is about the modes that end by themselves: snapshot and export, and the modes that nobody knows.
func snapshotSituation(b builder) *situation {
	object := b.newBackup(mostly(b.dice, 8, v1alpha1.BackupModeSnapshot, v1alpha1.BackupMode(""), "weird"))
	if b.chance(12) {
		b.makeExport(object)
	}
	failed := b.snapshotStatus(object)
	var jobs []*batchv1.Job
	if b.chance(70) {
		jobs = append(jobs, b.anyJob(object, jobName(object, ""), failed))
	}
	s := b.newSituation(object, jobs)
	if object.Spec.BR == nil && object.Spec.From != nil && b.chance(40) {
		*s.server.claims = append(*s.server.claims, claim{
			object.Namespace, object.GetBackupPVCName(), one(b.dice, "10Gi", "1Gi", "100Gi", "10737418240"),
		})
	}
	s.when = b.sequence(jobName(object, ""),
		func() happening { return b.endJobs(b.chance(70)) },
		func() happening { return b.endJobs(true) },
		func() happening { return removeJobs(b.chance(70)) },
		b.specEdit,
		func() happening {
			return b.podWrites(v1alpha1.BackupRestart, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete,
				v1alpha1.BackupFailed)
		},
		func() happening { return b.changeClusters(object) },
		func() happening { return b.changeSecrets(object) },
	)
	if b.chance(25) {
		// From a failure to the next attempt.
		s.when = b.story(b.event, func() happening { return refreshed("backup") }, b.event, b.catchUp, b.sync,
			func() happening { return removeJobs(true) }, func() happening { return b.jobDeleted(jobName(object, "")) }, b.sync)
	}
	return s
}

// snapshotStatus gives the Backup a history, and says how likely its Job has failed.
func (b builder) snapshotStatus(object *v1alpha1.Backup) (failed int) {
	const (
		scheduled = v1alpha1.BackupScheduled
		prepare   = v1alpha1.BackupPrepare
		running   = v1alpha1.BackupRunning
		restart   = v1alpha1.BackupRestart
		retry     = v1alpha1.BackupRetryTheFailed
	)
	status := &object.Status
	failed = 40
	b.choose(
		weighted{14, func() { failed = 5 }},
		weighted{8, func() { b.history(status, scheduled) }},
		weighted{4, func() { b.history(status, scheduled, prepare) }},
		weighted{24, func() { b.history(status, scheduled, prepare, running); failed = 90 }},
		weighted{4, func() { b.history(status, scheduled, prepare, running, v1alpha1.BackupComplete) }},
		weighted{4, func() { b.history(status, scheduled, prepare, running, v1alpha1.BackupFailed) }},
		weighted{3, func() { b.history(status, v1alpha1.BackupInvalid) }},
		weighted{8, func() { b.history(status, retry) }},
		weighted{8, func() { b.history(status, scheduled, prepare, running, retry); failed = 90 }},
		weighted{8, func() { b.history(status, scheduled, prepare, running, retry, restart); failed = 60 }},
		weighted{8, func() { b.history(status, scheduled, prepare, running, retry, restart, scheduled); failed = 60 }},
		weighted{8, func() {
			b.history(status, scheduled, prepare, running, retry, restart, scheduled, running)
			failed = 90
		}},
		weighted{8, func() { b.mixture(status, phases) }},
	)
	if status.Phase != "" && b.chance(50) {
		status.BackupPath = "s3://bucket/full"
	}
	if b.chance(45) {
		b.setRecords(object)
	}
	return failed
}

// setRecords appends retry records whose times lie around the moments at which something is decided.
func (b builder) setRecords(object *v1alpha1.Backup) {
	policy := object.Spec.BackoffRetryPolicy
	timeout, err := time.ParseDuration(policy.RetryTimeout)
	if err != nil || timeout > 100*24*time.Hour || timeout < -time.Hour {
		timeout = 1800 * time.Second
	}
	first := -one(b.dice, int(timeout/time.Second), int(timeout/time.Second)+1, int(timeout/time.Second)-1, 100, 700, 7200)
	count := mostly(b.dice, 6, one(b.dice, 1, 1, 1, 2, 2, 3), 26, 27, 54, 64, 65, 70)
	for i := range count {
		record := v1alpha1.BackoffRetryRecord{
			RetryNum: i + 1, RetryReason: "Job " + jobName(object, "") + " has failed", OriginalReason: one(b.dice, jobFailures...),
		}
		detected := first
		if count > 1 {
			detected = first - first*i/count
		}
		record.DetectFailedAt = b.ref(detected)
		record.ExpectedRetryAt = b.ref(one(b.dice, detected+300, detected+300<<min(i, 10), -1, 0, 1, -10, 100, 3600))
		if i < count-1 || b.chance(40) {
			record.RealRetryAt = b.ref(detected + 310)
		}
		if i%25 == 0 && b.chance(2) {
			record.DetectFailedAt = nil
		}
		if i == count-1 && b.chance(4) {
			record.ExpectedRetryAt = nil
		}
		if b.chance(3) {
			record.RetryNum = b.between(-1, 5)
		}
		object.Status.BackoffRetryStatus = append(object.Status.BackoffRetryStatus, record)
	}
}
