package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/client/clientset/versioned/fake"
	listers "github.com/pingcap/tidb-operator/pkg/client/listers/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/testing"
)

// updateStatus lets the operator's updater change the object, and says whether it would be written. The pod's program
// writes with the same code.
func updateStatus(object *v1alpha1.Backup, condition *v1alpha1.BackupCondition, update *controller.BackupUpdateStatus) bool {
	caches, cli, changed := newCaches(), &fake.Clientset{}, false
	cli.AddReactor("update", "backups", func(action testing.Action) (bool, runtime.Object, error) {
		changed = true
		return true, action.(testing.UpdateActionImpl).Object, nil
	})
	must(caches.backups.Add(object.DeepCopy()))
	updater := controller.NewRealBackupConditionUpdater(cli, listers.NewBackupLister(caches.backups), silence{})
	must(updater.Update(object, condition, update))
	return changed
}
