package main

import (
	"sync"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
)

// A tracker looks at its log backup a minute after it began to, by a ticker of its own. So a vector with a tick takes a
// minute, but many may wait for theirs at once. Nothing else happens in that minute; the vector's clock shows the second in
// which the tick comes.
const (
	tickPeriod  = time.Minute
	tickStart   = 400 * time.Millisecond
	tickWork    = 200 * time.Millisecond // much more than five refused updates take
	tickQuiet   = 30 * time.Millisecond
	ticksApart  = 6 * time.Millisecond // what a vector takes, so that none has to wait for the processor
	ticksAtOnce = 2000
)

// tickLine plays a situation that begins with a tick until it fits into a second.
func tickLine(id string, seed uint64, situationAt func(time.Time) *situation) []byte {
	for {
		w, now := newTickingWorld(situationAt)
		if w == nil {
			continue
		}
		begin, when, then := w.play(situationAt(now), now)
		late := isOver(now, wholeSecond)
		w.close()
		if !late {
			return w.encode(controllerVector{
				id, source{operatorModule, operatorVersion, seed}, "reference", begin, when, then,
			})
		}
	}
}

// starting keeps the others from starting at the same moment: when the ticker began must be known to some milliseconds.
var starting sync.Mutex

// newTickingWorld starts an operator early in a second, and says in which one its tracker will tick.
func newTickingWorld(situationAt func(time.Time) *situation) (*world, time.Time) {
	starting.Lock()
	defer starting.Unlock()
	defer time.Sleep(ticksApart)
	second := beginSecond(tickStart)
	now := second.Add(tickPeriod)
	w := newWorld(situationAt(now))
	w.registered = time.Now()
	if isOver(second, tickStart) {
		w.close()
		return nil, now
	}
	return w, now
}

// awaitTick waits until the tracker has done what it does every minute.
func (w *world) awaitTick() {
	time.Sleep(time.Until(w.registered.Add(tickPeriod + tickWork)))
	for time.Since(w.calls.quietSince()) < tickQuiet {
		time.Sleep(tickQuiet)
	}
}

// tickSituation is about a log backup that is tracked.
func tickSituation(b builder) *situation {
	object, jobs := b.newLogBackup()
	for !isTrackable(object) {
		object, jobs = b.newLogBackup()
	}
	if b.chance(50) && object.Status.CommitTs != "" {
		b.history(&object.Status, v1alpha1.BackupRunning)
	}
	if b.chance(8) {
		object.DeletionTimestamp = b.ref(-20)
	}
	s := b.newSituation(object, jobs)
	namespace := object.Spec.BR.ClusterNamespace
	if namespace == "" {
		namespace = object.Namespace
	}
	s.server.backup = &maybe{object}
	s.server.clusters = &[]cluster{{Namespace: namespace, Name: object.Spec.BR.Cluster, Ready: true, TikvImage: goodImage, HasTikv: true}}
	s.task = b.newTask()
	if b.chance(25) {
		s.when = append(s.when, one(b.dice, b.logEdit, b.logPod, b.changeTask, b.vanish)())
	}
	tick := happening{run: "tick"}
	if b.chance(30) {
		word := one(b.dice, "conflict", "internal", "timeout")
		for i := range one(b.dice, 1, 2, 5) {
			tick.answers = append(tick.answers, newFault("update backups", i+1, word, b.chance(10)))
		}
	}
	s.when = append(s.when, tick)
	if b.chance(75) {
		s.when = append(s.when, b.sequence(jobName(object, "-log-start"), b.logEdit, b.logPod, b.changeTask)...)
	}
	return s
}
