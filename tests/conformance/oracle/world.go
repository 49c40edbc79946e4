package main

import (
	"os"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	backupmanager "github.com/pingcap/tidb-operator/pkg/backup/backup"
	"github.com/pingcap/tidb-operator/pkg/client/clientset/versioned/fake"
	listers "github.com/pingcap/tidb-operator/pkg/client/listers/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	"github.com/pingcap/tidb-operator/pkg/controller/backup"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// template holds what is the same for every world and slow to make, such as the AWS configuration.
var template = sync.OnceValue(controller.NewFakeDependencies)

// world is one operator with an API server, informer caches, PD and a storage of its own.
type world struct {
	now   time.Time // the second in which the vector began
	key   key
	calls *callLog
	cli   *fake.Clientset

	server *server
	caches *caches
	task   *etcd
	mount  string // the directory behind a Local storage, "" until it is needed

	controller *backup.Controller
	onBackup   cache.ResourceEventHandler
	onJob      cache.ResourceEventHandler
	control    backup.ControlInterface // what a worker of the queue calls
	registered time.Time               // when the tracker of control began to track, if a tick is waited for
}

// key is namespace and name of the Backup that a vector is about.
type key struct{ namespace, name string }

func (k key) String() string { return k.namespace + "/" + k.name }

// caches are the indexers behind the listers. Nothing feeds them but the vector.
type caches struct{ backups, jobs, clusters, secrets, claims, volumes cache.Indexer }

func newCaches() *caches {
	indexer := func() cache.Indexer {
		return cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	}
	return &caches{indexer(), indexer(), indexer(), indexer(), indexer(), indexer()}
}

// newWorld starts an operator in front of what `given` says the API server holds.
//
// There are two managers, each with a tracker that lists the Backups once: the controller's own, whose tracker must not
// act, and the one that is driven as the queue's workers drive theirs. Hence the controller is built before anything is
// in the server. A log Backup without spec.br kills the process if a tracker sees it (S15), so that one is put into the
// server only after the trackers have listed.
func newWorld(given *situation) *world {
	w := &world{key: given.key, calls: newCallLog(), caches: newCaches()}
	cli, kube := fake.NewSimpleClientset(), kubefake.NewSimpleClientset()
	w.cli = cli
	w.server = &server{backups: cli.Tracker(), others: kube.Tracker()}
	cli.PrependReactor("*", "*", w.calls.reaction(cli.Tracker()))
	kube.PrependReactor("*", "*", w.calls.reaction(kube.Tracker()))
	w.task = &etcd{calls: w.calls}

	deps := *template()
	recorder := silence{}
	deps.Clientset, deps.KubeClientset, deps.Recorder = cli, kube, recorder
	deps.BackupLister = listers.NewBackupLister(w.caches.backups)
	deps.TiDBClusterLister = listers.NewTidbClusterLister(w.caches.clusters)
	deps.JobLister = batchlisters.NewJobLister(w.caches.jobs)
	deps.SecretLister = corelisters.NewSecretLister(w.caches.secrets)
	deps.PVLister = corelisters.NewPersistentVolumeLister(w.caches.volumes)
	deps.PVCLister = corelisters.NewPersistentVolumeClaimLister(w.caches.claims)
	deps.JobControl = controller.NewRealJobControl(kube, recorder)
	deps.GeneralPVCControl = controller.NewRealGeneralPVCControl(kube, recorder)
	deps.PDControl = &pdControl{PDControlInterface: deps.PDControl, task: w.task}
	backupInformer, jobInformer := &keptInformer{}, &keptInformer{}
	deps.InformerFactory = informerFactory{deps.InformerFactory, backupInformer}
	deps.KubeInformerFactory = kubeInformerFactory{deps.KubeInformerFactory, jobInformer}

	w.controller = backup.NewController(&deps)
	w.onBackup, w.onJob = backupInformer.handler, jobInformer.handler
	w.calls.waitForList(1)

	tracked := given.server.backup != nil && isTrackable(given.server.backup.object)
	if tracked {
		w.server.put(given.server.backup.object)
	}
	for _, each := range *given.server.clusters {
		w.server.put(each.object())
	}
	w.control = backup.NewDefaultBackupControl(cli, backupmanager.NewBackupManager(&deps))
	w.calls.waitForList(2)
	if tracked {
		w.calls.waitForRegistration()
	}
	w.calls.forget()
	return w
}

// isTrackable says whether a tracker that lists this Backup registers it rather than ignores it or dies of it.
func isTrackable(object *v1alpha1.Backup) bool {
	return object != nil && object.Spec.Mode == v1alpha1.BackupModeLog && object.Spec.BR != nil
}

// close lets the goroutines of the world end: those of the queue now, those of the tracker at their next tick, when they
// find no Backup in the cache.
func (w *world) close() {
	queueOf(w.controller).ShutDown()
	for _, each := range w.caches.backups.List() {
		_ = w.caches.backups.Delete(each)
	}
	if w.mount != "" {
		_ = os.RemoveAll(w.mount)
	}
}

// drain empties the controller's queue and says what was asked of it since it was empty. A handler can only add to it; the
// metrics of queues, which would tell more, are taken already by a package that the operator imports.
func (w *world) drain() []string {
	var operations []string
	queue := queueOf(w.controller)
	for queue.Len() > 0 {
		item, _ := queue.Get()
		queue.Done(item)
		operations = append(operations, "add")
	}
	return operations
}

// queueOf reads the unexported queue of a controller.
func queueOf(c *backup.Controller) workqueue.RateLimitingInterface {
	field := reflect.ValueOf(c).Elem().FieldByName("queue")
	return *(*workqueue.RateLimitingInterface)(unsafe.Pointer(field.UnsafeAddr()))
}

// defect is a panic of the oracle's own, which ends the program: without it a vector could be printed that means something
// else.
type defect string

func must(err error) {
	if err != nil {
		panic(defect(err.Error()))
	}
}

// silence is an event recorder that says nothing and so never blocks.
type silence struct{}

func (silence) Event(runtime.Object, string, string, string)          {}
func (silence) Eventf(runtime.Object, string, string, string, ...any) {}
func (silence) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...any) {
}
