package main

import (
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What may happen. Changes are made when their turn comes, of what the operator has left by then; the choices in them are
// made beforehand.

func (b builder) event() happening { return happening{run: "event", answers: b.faults("event")} }
func (b builder) sync() happening  { return happening{run: "sync", answers: b.faults("sync")} }

// faults are none in most runs. Updates often fail several times, since an attempt is repeated up to five times.
func (b builder) faults(run string) []fault {
	if !b.chance(14) {
		return nil
	}
	var faults []fault
	word := one(b.dice, "conflict", "conflict", "timeout", "internal", "internal", "forbidden")
	performed := b.chance(12)
	b.choose(
		weighted{60, func() {
			first, count := mostly(b.dice, 20, 1, 2), one(b.dice, 1, 1, 1, 2, 4, 5, 5)
			for i := range count {
				faults = append(faults, newFault("update backups", first+i, word, performed))
			}
		}},
		weighted{40, func() {
			faults = append(faults, newFault("delete jobs", 1, one(b.dice, word, "notFound"), performed))
		}},
		weighted{30, func() {
			if run == "sync" {
				faults = append(faults, newFault("create jobs", 1, one(b.dice, word, "alreadyExists"), performed))
			}
		}},
	)
	return faults
}

func refreshed(what ...string) happening { return happening{refresh: what} }

func (b builder) catchUp() happening {
	return happening{refresh: mostly(b.dice, 30, []string{"backup", "jobs"}, []string{"backup"}, []string{"jobs"},
		[]string{"backup", "jobs", "clusters"})}
}

// edit changes the Backup on the server; everywhere says that the informers have already seen it.
func edit(everywhere bool, alter func(*v1alpha1.Backup)) happening {
	return happening{change: func(w *world) change {
		object := w.server.backup(w.key)
		if object == nil {
			object = w.caches.backup(w.key)
		}
		if object == nil {
			return change{server: &state{backup: &maybe{}}}
		}
		object = copied(object)
		alter(object)
		said := change{server: &state{backup: &maybe{object}}}
		if everywhere {
			said.cache = &state{backup: &maybe{object}}
		}
		return said
	}}
}

// editJobs changes the Jobs on the server.
func editJobs(everywhere bool, alter func([]*batchv1.Job) []*batchv1.Job) happening {
	return happening{change: func(w *world) change {
		var jobs []*batchv1.Job
		for _, each := range w.server.jobs() {
			each = copied(each)
			each.TypeMeta = metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}
			jobs = append(jobs, each)
		}
		jobs = alter(jobs)
		said := change{server: &state{jobs: &jobs}}
		if everywhere {
			said.cache = &state{jobs: &jobs}
		}
		return said
	}}
}

// endJobs ends every Job that runs.
func (b builder) endJobs(everywhere bool) happening {
	kind := mostly(b.dice, 25, batchv1.JobFailed, batchv1.JobComplete)
	status := mostly(b.dice, 5, trueCond, falseCond)
	return editJobs(everywhere, func(jobs []*batchv1.Job) []*batchv1.Job {
		for _, each := range jobs {
			if len(each.Status.Conditions) == 0 {
				each.Status.Conditions = []batchv1.JobCondition{{
					Type: kind, Status: status, LastTransitionTime: b.at(0), Reason: "BackoffLimitExceeded",
				}}
			}
		}
		return jobs
	})
}

// removeJobs removes the Jobs from the server, as after a foreground deletion.
func removeJobs(everywhere bool) happening {
	return editJobs(everywhere, func([]*batchv1.Job) []*batchv1.Job { return nil })
}

// strangeEvent is an event of an object that is not, or not any more, the cached one.
func (b builder) strangeEvent() happening {
	tombstone, rest := b.chance(25), b.IntN(3)
	if tombstone {
		return happening{run: "event", tombstone: true}
	}
	faults := b.faults("event")
	if b.chance(40) {
		// Nothing of it stays in the cache, so each of the five attempts is made.
		faults = nil
		for attempt := range 5 {
			faults = append(faults, newFault("update backups", attempt+1, "internal", false))
		}
	}
	return happening{run: "event", answers: faults, object: func(w *world) *v1alpha1.Backup {
		object := w.caches.backup(w.key)
		if object == nil || rest == 0 && w.server.backup(w.key) != nil {
			if found := w.server.backup(w.key); found != nil {
				object = found
			}
		}
		if object == nil {
			object = b.newBackup(v1alpha1.BackupModeSnapshot)
			object.Namespace, object.Name = w.key.namespace, w.key.name
		}
		object = object.DeepCopy()
		if rest == 1 && len(object.Status.Conditions) > 0 {
			object.Status.Conditions = object.Status.Conditions[:len(object.Status.Conditions)-1]
			object.ResourceVersion = "99"
		}
		return object
	}}
}

// jobDeleted is the event of a deleted Job, most of the time one of the Backup.
func (b builder) jobDeleted(name string) happening {
	owner, tombstone, kind, foreign := b.IntN(10), b.chance(6), b.chance(5), b.chance(8)
	faults := b.faults("event")
	return happening{run: "jobDeleted", tombstone: tombstone, answers: faults, job: func(w *world) *batchv1.Job {
		object := w.caches.backup(w.key)
		if object == nil {
			object = &v1alpha1.Backup{ObjectMeta: metav1.ObjectMeta{Namespace: w.key.namespace, Name: w.key.name, UID: backupUID}}
		}
		job := builder{newDice(0, "job", 0), b.clock}.newJob(object, name)
		job.OwnerReferences[0].UID = object.UID
		switch {
		case owner == 0:
			job.OwnerReferences = nil
		case owner == 1:
			job.OwnerReferences[0].Controller = nil
		case kind:
			job.OwnerReferences[0].Kind = "Restore"
		case foreign:
			job.OwnerReferences[0].UID = strangerUID
		}
		return job
	}}
}

// podWrites sets the next condition as the pod of a snapshot or a volume does.
func (b builder) podWrites(kinds ...v1alpha1.BackupConditionType) happening {
	kind, path := one(b.dice, kinds...), b.chance(50)
	return edit(b.chance(85), func(object *v1alpha1.Backup) {
		condition := b.condition(kind, trueCond, 0)
		v1alpha1.UpdateBackupCondition(&object.Status, &condition)
		if path {
			object.Status.BackupPath = "s3://bucket/full"
		}
		object.ResourceVersion = "200"
	})
}

// specEdit changes the spec as a user might.
func (b builder) specEdit() happening {
	everywhere, which, defects := b.chance(80), b.IntN(8), b.Uint64()
	duration, timeout := one(b.dice, wholeDurations...), one(b.dice, durations...)
	times, policy := one(b.dice, -1, 0, 1, 2, 9), one(b.dice, v1alpha1.CleanPolicyTypeDelete, v1alpha1.CleanPolicyTypeRetain,
		v1alpha1.CleanPolicyTypeOnFailure, "")
	return edit(everywhere, func(object *v1alpha1.Backup) {
		object.ResourceVersion = "300"
		switch which {
		case 0:
			object.Spec.BackoffRetryPolicy.MinRetryDuration = duration
		case 1:
			object.Spec.BackoffRetryPolicy.RetryTimeout = timeout
		case 2, 3:
			object.Spec.BackoffRetryPolicy.MaxRetryTimes = times
		case 4:
			object.Spec.CleanPolicy = policy
		case 5:
			if object.Spec.BR != nil {
				minimum := object.Spec.BackoffRetryPolicy.MinRetryDuration
				builder{newDice(defects, "spoil", 0), b.clock}.spoil(object)
				object.Spec.BackoffRetryPolicy.MinRetryDuration = minimum
			}
		case 6:
			object.DeletionTimestamp = b.ref(0)
		case 7:
			if object.Spec.S3 != nil {
				object.Spec.S3.Bucket = ""
			}
		}
	})
}

// changeClusters makes a cluster ready or not, or takes it away from the cache or from both.
func (b builder) changeClusters(object *v1alpha1.Backup) happening {
	clusters := b.clustersFor(object)
	everywhere := b.chance(60)
	return happening{change: func(*world) change {
		said := change{cache: &state{clusters: &clusters}}
		if everywhere {
			said.server = &state{clusters: &clusters}
		}
		return said
	}}
}

// changeSecrets replaces the secrets in the cache, the only place they are read from.
func (b builder) changeSecrets(object *v1alpha1.Backup) happening {
	secrets := b.secretsFor(object)
	return happening{change: func(*world) change { return change{cache: &state{secrets: &secrets}} }}
}

// vanish removes the Backup from the server, the cache or both.
func (b builder) vanish() happening {
	which := b.IntN(3)
	return happening{change: func(*world) change {
		said := change{}
		if which != 0 {
			said.server = &state{backup: &maybe{}}
		}
		if which != 1 {
			said.cache = &state{backup: &maybe{}}
		}
		return said
	}}
}

// sequence is one to six happenings that end with a run. `other` are those of the mode, by weight.
func (b builder) sequence(name string, other ...func() happening) []happening {
	length := one(b.dice, 1, 1, 2, 3, 4, 4, 5, 6, 6)
	var when []happening
	if b.chance(35) {
		when = append(when, other[b.IntN(len(other))]())
	}
	for len(when) < length {
		b.choose(
			weighted{34, func() { when = append(when, b.event()) }},
			weighted{30, func() { when = append(when, b.sync()) }},
			weighted{22, func() { when = append(when, b.catchUp()) }},
			weighted{5, func() { when = append(when, b.jobDeleted(name)) }},
			weighted{3, func() { when = append(when, b.strangeEvent()) }},
			weighted{2, func() { when = append(when, b.vanish(), one(b.dice, b.strangeEvent, b.event, b.sync)()) }},
			weighted{18, func() { when = append(when, other[b.IntN(len(other))]()) }},
		)
	}
	if when[len(when)-1].run == "" {
		when = append(when, one(b.dice, b.event, b.sync)())
	}
	return when
}

// story is what usually happens one after another, with gaps.
func (b builder) story(steps ...func() happening) []happening {
	var when []happening
	for _, each := range steps {
		if b.chance(85) {
			when = append(when, each())
		}
	}
	if len(when) == 0 || when[len(when)-1].run == "" {
		when = append(when, b.sync())
	}
	return when
}
