package main

import (
	"sync"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/testing"
)

// record is an object of the vector, in JSON's terms.
type record = map[string]any

// callLog is what an operator asks of the world in one run, and the faults it is to meet.
type callLog struct {
	mutex  sync.Mutex
	now    time.Time
	calls  []record
	asked  []string // the keys of etcd that are being asked for together
	counts map[string]int
	faults []fault
	last   time.Time // when something was asked last
	stored func()    // what happens when an update was stored, if anything does

	lists, gets, got int // what trackers do while a world is built
}

func newCallLog() *callLog { return &callLog{counts: map[string]int{}} }

// begin starts a run.
func (c *callLog) begin(faults []fault) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.calls, c.asked, c.counts, c.faults = nil, nil, map[string]int{}, faults
}

// forget drops what was asked while the world was built.
func (c *callLog) forget() { c.begin(nil) }

// end returns the calls of a run.
func (c *callLog) end() []record {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.flush()
	return c.calls
}

func (c *callLog) quietSince() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.last
}

// reaction performs and notes every call of a clientset, and answers it with the fault that is due.
func (c *callLog) reaction(tracker testing.ObjectTracker) testing.ReactionFunc {
	perform := testing.ObjectReaction(tracker)
	return func(action testing.Action) (bool, runtime.Object, error) {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.last = time.Now()
		name := action.GetVerb() + " " + action.GetResource().Resource
		c.counts[name]++
		call := c.describe(name, action)
		var object runtime.Object
		var err error
		due := c.due(name)
		if due == nil || due.Performed {
			_, object, err = perform(action)
		}
		if due != nil {
			object, err = nil, due.err()
		}
		if call != nil {
			if err != nil {
				call["error"] = classOf(err)
			}
			c.flush()
			c.calls = append(c.calls, call)
		}
		c.observe(name, err)
		if name == "update backups" && c.stored != nil && (due == nil || due.Performed) {
			c.stored()
		}
		return true, object, err
	}
}

func (c *callLog) due(name string) *fault {
	for i, each := range c.faults {
		if each.Call == name && each.Nth == c.counts[name] {
			return &c.faults[i]
		}
	}
	return nil
}

// follow lets something happen at each update that is stored.
func (c *callLog) follow(stored func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.stored = stored
}

// sofar are the calls of the run until now.
func (c *callLog) sofar() []record {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.calls
}

// describe says of a call what a vector says, at once: the operator may change the object that it sent.
func (c *callLog) describe(name string, action testing.Action) record {
	switch action := action.(type) {
	case testing.UpdateActionImpl:
		if sent, ok := action.GetObject().(*v1alpha1.Backup); ok {
			call := backupRecord(sent, c.now)
			call["call"] = name
			return call
		}
	case testing.CreateActionImpl:
		switch sent := action.GetObject().(type) {
		case *batchv1.Job:
			return record{"call": name, "job": jobRecord(sent)}
		case *corev1.PersistentVolumeClaim:
			storage := sent.Spec.Resources.Requests[corev1.ResourceStorage]
			return record{"call": name, "name": sent.Name, "storage": storage.String()}
		}
	case testing.DeleteActionImpl:
		call := record{"call": name, "name": action.Name}
		if policy := action.DeleteOptions.PropagationPolicy; policy != nil {
			call["propagationPolicy"] = string(*policy)
		}
		return call
	case testing.GetActionImpl:
		return record{"call": name, "namespace": action.GetNamespace(), "name": action.GetName()}
	case testing.ListActionImpl:
		return nil
	}
	panic(defect("the format has no call " + name))
}

// jobRecord is what a vector says of a Job that is created.
func jobRecord(job *batchv1.Job) record {
	owners := []any{}
	for _, each := range job.OwnerReferences {
		owners = append(owners, record{
			"kind": each.Kind, "name": each.Name, "uid": string(each.UID),
			"controller": each.Controller != nil && *each.Controller,
		})
	}
	said := record{
		"name": job.Name, "ownerReferences": owners,
		"restartPolicy": string(job.Spec.Template.Spec.RestartPolicy),
		"args":          job.Spec.Template.Spec.Containers[0].Args,
	}
	if limit := job.Spec.BackoffLimit; limit != nil {
		said["backoffLimit"] = *limit
	}
	if deadline := job.Spec.ActiveDeadlineSeconds; deadline != nil {
		said["activeDeadlineSeconds"] = *deadline
	}
	return said
}

// ask notes a get of etcd. Four of them go out at once; together they are one call of the vector.
func (c *callLog) ask(kind string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.last = time.Now()
	c.asked = append(c.asked, kind)
	if len(c.asked) == len(taskKinds) {
		c.flush()
	}
}

func (c *callLog) flush() {
	if len(c.asked) == 0 {
		return
	}
	c.calls = append(c.calls, record{"call": "get etcd", "keys": sorted(c.asked)})
	c.asked = nil
}

// observe counts what trackers do at their start.
func (c *callLog) observe(name string, err error) {
	switch name {
	case "list backups":
		c.lists++
	case "get tidbclusters":
		c.gets++
		if err == nil {
			c.got++
		}
	}
}

// waitForList waits until this many lists were answered.
func (c *callLog) waitForList(number int) {
	c.waitFor(func() bool { return c.lists >= number })
}

// waitForRegistration waits until a tracker got the TidbCluster or gave up. It holds a lock of its own until it has
// noted the result, for which everything that asks the tracker waits.
func (c *callLog) waitForRegistration() {
	const attempts = 5
	c.waitFor(func() bool { return c.got > 0 || c.gets >= attempts })
}

func (c *callLog) waitFor(happened func() bool) {
	for {
		c.mutex.Lock()
		done := happened()
		c.mutex.Unlock()
		if done {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// classOf is the word of the format for an API error.
func classOf(err error) string {
	for _, each := range errorClasses {
		if apierrors.ReasonForError(err) == each.reason {
			return each.word
		}
	}
	panic(defect("the format has no word for " + err.Error()))
}
