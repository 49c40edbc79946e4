package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
)

// podBackup is a Backup in any state, and the call of a program that a Job of it makes.
func (b builder) podBackup(kind string) (*v1alpha1.Backup, *pod) {
	switch kind {
	case "log":
		object, _ := b.newLogBackup()
		p := b.newPod("log")
		p.command = mostly(b.dice, 4, one(b.dice, logCommands[:5]...), logCommands[5])
		if p.command == "log-truncate" {
			p.truncateUntil = mostly(b.dice, 15, laterTSO, "", "0")
		}
		return object, p
	case "volume":
		object := b.newBackup(v1alpha1.BackupModeVolumeSnapshot)
		b.volumeStatus(&object.Status)
		p := b.newPod("volume-snapshot")
		if p.initialize = b.chance(60); p.initialize {
			p.prints = volumeLines(b)
			p.brFails = p.brFails || !p.holds()
		}
		p.metadata = nil
		return object, p
	case "clean":
		object := b.newBackup(one(b.dice, v1alpha1.BackupModeSnapshot, v1alpha1.BackupModeLog))
		b.history(&object.Status, v1alpha1.BackupScheduled, v1alpha1.BackupRunning, v1alpha1.BackupClean)
		object.Status.BackupPath = mostly(b.dice, 20, "local:///backup", "")
		object.DeletionTimestamp = b.ref(-20)
		return object, &pod{program: "clean"}
	}
	object := b.newBackup(v1alpha1.BackupModeSnapshot)
	b.snapshotStatus(object)
	if b.chance(50) {
		object.Status = v1alpha1.BackupStatus{}
		b.history(&object.Status, v1alpha1.BackupScheduled)
	}
	return object, b.newPod("snapshot")
}

func (b builder) setFrom(object *v1alpha1.Backup) {
	object.Spec.From = &v1alpha1.TiDBAccessConfig{Host: "basic-tidb", Port: 4000, User: "root", SecretName: "backup-secret"}
}
