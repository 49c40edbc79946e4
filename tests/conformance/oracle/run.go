package main

import (
	"bytes"
	"fmt"
	"time"

	perrors "github.com/pingcap/errors"
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/client-go/tools/cache"
)

// situation is what a vector begins with and what is to happen, with times around the second in which it begins.
type situation struct {
	key     key
	server  state
	cache   state
	task    *taskState
	storage []string
	local   bool          // the storage is a real directory
	end     time.Duration // into the second, by when it must have happened
	when    []happening
}

// happening is one entry of `when`: a run, a change, or that the informers catch up.
type happening struct {
	run       string
	object    func(*world) *v1alpha1.Backup // not the cached one
	job       func(*world) *batchv1.Job
	tombstone bool
	pod       *pod
	answers   []fault

	change  func(*world) change // made when its turn comes, of what there is by then
	refresh []string
}

// change is what a `set` sets.
type change struct {
	server, cache *state
	task          *taskState
	storage       *[]string
}

// quotesSecret says whether the changed Backup bears a message in which the operator prints a secret. Who only reads the
// vector need not know how Go prints one, but would have to, to compare the next such message with this one.
func (c change) quotesSecret() bool {
	if c.server == nil || c.server.backup == nil || c.server.backup.object == nil {
		return false
	}
	return bytes.Contains(encoded(c.server.backup.object.Status), []byte("storage account unspecified: "))
}

// outcome is what a run came to.
type outcome struct {
	Calls   []record `json:"calls"`
	Queue   []string `json:"queue"`
	Result  string   `json:"result"`
	Message string   `json:"message,omitempty"`
	Cached  record   `json:"cached"`
	Server  record   `json:"server"`
}

type given struct {
	Server  record   `json:"server"`
	Cache   record   `json:"cache"`
	Task    record   `json:"task"`
	Storage []string `json:"storage"`
}

// play lets the situation happen in the world and returns the vector's halves.
func (w *world) play(s *situation, now time.Time) (begin given, when []any, then []outcome) {
	w.now, w.calls.now = now, now
	w.server.set(&s.server, w.key)
	w.caches.set(&s.server)
	w.caches.set(&s.cache)
	w.task.set(s.task)
	if s.local {
		w.store(s.storage)
	}
	begin = given{s.server.record(now), s.cache.record(now), s.task.record(), listed(s.storage)}
	for _, each := range s.when {
		said, came := w.happen(&each)
		when = append(when, said)
		if came != nil {
			then = append(then, *came)
		}
	}
	return begin, when, then
}

func (w *world) happen(h *happening) (record, *outcome) {
	switch {
	case h.run != "":
		return w.runOne(h)
	case h.change != nil:
		wanted := h.change(w)
		if !wanted.quotesSecret() {
			return record{"set": w.set(wanted)}, nil
		}
		h = &happening{refresh: []string{"backup"}}
	}
	w.refresh(h.refresh)
	return record{"refresh": h.refresh}, nil
}

func (w *world) set(c change) record {
	said := record{}
	if c.server != nil {
		w.server.set(c.server, w.key)
		said["server"] = c.server.record(w.now)
	}
	if c.cache != nil {
		w.caches.set(c.cache)
		said["cache"] = c.cache.record(w.now)
	}
	if c.task != nil {
		w.task.set(c.task)
		said["task"] = c.task.record()
	}
	if c.storage != nil {
		w.store(*c.storage)
		said["storage"] = listed(*c.storage)
	}
	return said
}

// refresh lets informers catch up.
func (w *world) refresh(what []string) {
	for _, each := range what {
		switch each {
		case "backup":
			w.caches.set(&state{backup: &maybe{w.server.backup(w.key)}})
		case "jobs":
			jobs := w.server.jobs()
			w.caches.set(&state{jobs: &jobs})
		case "clusters":
			replace(w.caches.clusters, w.server.clusters())
		default:
			panic(defect("no informer of " + each))
		}
	}
}

func (w *world) runOne(h *happening) (record, *outcome) {
	if h.run == "event" && h.object == nil && !h.tombstone && w.caches.backup(w.key) == nil {
		h = &happening{run: "sync"} // no informer has an event of nothing
	}
	said := record{"run": h.run}
	if len(h.answers) > 0 {
		said["answers"] = h.answers
	}
	if h.tombstone {
		said["tombstone"] = true
	}
	w.drain()
	w.calls.begin(h.answers)
	came := outcome{}
	switch h.run {
	case "event":
		came.Result, came.Message = recovered(func() { w.event(h, said) })
		came.Queue = w.drain()
	case "jobDeleted":
		came.Result, came.Message = recovered(func() { w.jobDeleted(h, said) })
		came.Queue = w.drain()
	case "sync":
		came.Queue, came.Result, came.Message = w.sync()
	case "pod":
		came.Result, came.Message = w.runPod(h.pod, said)
	case "tick":
		w.awaitTick()
		came.Result = "done"
	}
	came.Calls = listed(w.calls.end())
	came.Queue = listed(came.Queue)
	came.Cached, came.Server = w.cachedRecord(), w.serverRecord()
	return said, &came
}

// sync does what a worker does with the Backup's key, and says what it would then tell the queue.
func (w *world) sync() (queue []string, result, message string) {
	cached := w.caches.backup(w.key)
	if cached == nil {
		return []string{"forget"}, "done", ""
	}
	var err error
	if panicked, text := recovered(func() { err = w.control.UpdateBackup(cached.DeepCopy()) }); panicked == "panic" {
		return nil, panicked, text
	}
	switch {
	case err == nil:
		return []string{"forget"}, "done", ""
	case perrors.Find(err, controller.IsRequeueError) != nil:
		return []string{"addRateLimited"}, "requeue", err.Error()
	case perrors.Find(err, controller.IsIgnoreError) != nil:
		return nil, "ignore", err.Error()
	}
	return []string{"addRateLimited"}, "error", err.Error()
}

func (w *world) cachedRecord() record {
	if object := w.caches.backup(w.key); object != nil {
		return record{"backup": backupRecord(object, w.now)}
	}
	return record{"backup": nil}
}

func (w *world) serverRecord() record {
	names := []string{}
	for _, each := range w.server.jobs() {
		names = append(names, each.Name)
	}
	said := record{"backup": nil, "jobs": names}
	if object := w.server.backup(w.key); object != nil {
		said["backup"] = backupRecord(object, w.now)
	}
	return said
}

// recovered runs what may panic, and says what the operator did.
func recovered(run func()) (result, message string) {
	defer func() {
		problem := recover()
		if ours, is := problem.(defect); is {
			panic(ours)
		}
		if problem != nil {
			result, message = "panic", fmt.Sprint(problem)
		}
	}()
	run()
	return "done", ""
}

func (w *world) event(h *happening, said record) {
	switch {
	case h.tombstone:
		w.onBackup.OnDelete(cache.DeletedFinalStateUnknown{Key: w.key.String(), Obj: w.caches.backup(w.key)})
	case h.object != nil:
		object := copied(h.object(w))
		said["object"] = wholeBackup(object, w.now)
		w.onBackup.OnUpdate(nil, object)
	default:
		w.onBackup.OnUpdate(nil, w.caches.backup(w.key))
	}
}

func (w *world) jobDeleted(h *happening, said record) {
	job := h.job(w)
	said["job"] = generic(job, w.now)
	if h.tombstone {
		w.onJob.OnDelete(cache.DeletedFinalStateUnknown{Key: job.Namespace + "/" + job.Name, Obj: job})
		return
	}
	w.onJob.OnDelete(job)
}
