package main

import (
	"encoding/binary"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a controller beside the operator writes of its own retries of log subcommands. The operator knows neither name.
const (
	retryStatusName = "backup-fsm.dev/log-retry-status"
	retryPolicyName = "backup-fsm.dev/log-retry-policy"
)

// handoverSituation is about a controller beside the operator. With one update of the Backup it either hands a failed log
// subcommand over, so that the operator runs it again, or mends the status to what the program in the pod would have
// written. The operator is healthy and its caches are up to date, but for the one thing that a situation is about.
func handoverSituation(b builder) (s *situation) {
	b.choose(
		weighted{42, func() { s = b.handedOver(); s.when = b.again(s) }},
		weighted{7, func() { s = b.handedOver(); s.when = b.againFaultily(s) }},
		weighted{9, func() { s = b.handedOver(); b.ail(s) }},
		weighted{4, func() { s = b.handedOver(); b.lag(s) }},
		weighted{5, func() { s = b.handedOver(); s.when = b.superseded(s) }},
		weighted{4, func() { s = b.handedOver(); s.when = b.lateWord(s) }},
		weighted{7, func() { s = b.startedAlready() }},
		weighted{24, func() { s = b.mended() }},
	)
	return s
}

// ------------------------------------------------------------------ what there is

// handedOver is a log backup with a subcommand that is not done; it is the current one.
func (b builder) handedOver() *situation {
	object, command := b.healthyLog(), one(b.dice, commands...)
	b.wish(object, command)
	b.unfinished(object, command)
	return b.around(object, b.attempt(object, command))
}

// healthyLog is a log backup without a status for which the operator can make every Job.
func (b builder) healthyLog() *v1alpha1.Backup {
	object := b.newBackup(v1alpha1.BackupModeLog)
	object.Finalizers = []string{finalizer}
	object.Spec = v1alpha1.BackupSpec{
		Mode: v1alpha1.BackupModeLog,
		BR:   &v1alpha1.BRConfig{Cluster: "basic", ClusterNamespace: mostly(b.dice, 15, "", "other")},
		StorageProvider: v1alpha1.StorageProvider{S3: &v1alpha1.S3StorageProvider{
			Provider: v1alpha1.S3StorageProviderTypeAWS, Region: "us-west-2", Bucket: "bucket", Prefix: "full",
		}},
		CleanPolicy:                         one(b.dice, v1alpha1.CleanPolicyTypeRetain, v1alpha1.CleanPolicyTypeDelete),
		BackoffRetryPolicy:                  v1alpha1.BackoffRetryPolicy{MinRetryDuration: "300s", MaxRetryTimes: 2, RetryTimeout: "30m"},
		VolumeBackupInitJobMaxActiveSeconds: 600,
	}
	if b.chance(50) {
		object.Annotations = map[string]string{retryPolicyName: `{"maxRetryTimes":3}`}
	}
	if b.chance(30) {
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, retryStatusName, `{"records":[]}`)
	}
	return object
}

// around completes the situation: its Job if there is one, the TidbCluster, and a task that runs.
func (b builder) around(object *v1alpha1.Backup, jobs ...*batchv1.Job) *situation {
	there := []*batchv1.Job{}
	for _, each := range jobs {
		if each != nil {
			there = append(there, each)
		}
	}
	clusters, secrets, claims := []cluster{healthyCluster(object)}, []secret{}, []claim{}
	return &situation{
		key:    key{object.Namespace, object.Name},
		server: state{&maybe{object}, &there, &clusters, &secrets, &claims},
		task:   runningTask(),
		end:    wholeSecond,
	}
}

func healthyCluster(object *v1alpha1.Backup) cluster {
	namespace := object.Spec.BR.ClusterNamespace
	if namespace == "" {
		namespace = object.Namespace
	}
	return cluster{Namespace: namespace, Name: object.Spec.BR.Cluster, Ready: true, TikvImage: goodImage, HasTikv: true}
}

func runningTask() *taskState {
	return &taskState{answers: map[string]answer{
		"info":       {values: [][]byte{[]byte("\x0a\x04demo")}},
		"checkpoint": {values: [][]byte{binary.BigEndian.AppendUint64(nil, 446100000000000000)}},
	}}
}

func pausedTask() *taskState {
	task := runningTask()
	task.answers["pause"] = answer{values: [][]byte{[]byte(`{"severity":"MANUAL"}`)}}
	return task
}

// wish sets the spec, and as much of the whole status as it takes, so that the command is the current one.
func (b builder) wish(object *v1alpha1.Backup, command v1alpha1.LogSubCommandType) {
	spec, status := &object.Spec, &object.Status
	if command != v1alpha1.LogStartCommand {
		b.hasStart(object, b.chance(28))
	}
	switch command {
	case v1alpha1.LogStopCommand, v1alpha1.LogPauseCommand:
		spec.LogSubcommand = command
		if command == v1alpha1.LogStopCommand && b.chance(30) {
			spec.LogSubcommand, spec.LogStop = "", true
		}
		if command == v1alpha1.LogStopCommand && b.chance(35) {
			b.isPaused(status)
		}
	case v1alpha1.LogStartCommand, v1alpha1.LogResumeCommand:
		spec.LogSubcommand = one(b.dice, "", v1alpha1.LogStartCommand)
		if command == v1alpha1.LogResumeCommand {
			b.isPaused(status)
		}
	case v1alpha1.LogTruncateCommand:
		spec.LogTruncateUntil = mostly(b.dice, 20, laterTSO, laterAsText, laterRFC3339, earlierTSO, earlierTSO)
		b.choose(
			weighted{50, func() { spec.LogSubcommand, status.CommitTs = one(b.dice, "", v1alpha1.LogStartCommand), startTSO }},
			weighted{30, func() { spec.LogSubcommand = v1alpha1.LogPauseCommand; b.isPaused(status) }},
			weighted{20, func() { spec.LogSubcommand = v1alpha1.LogStopCommand; b.isStopped(status) }},
		)
		return
	}
	if b.chance(12) {
		spec.LogTruncateUntil = laterTSO // after the command that is not done
	}
}

// hasStart lets log-start be done, or not yet.
func (b builder) hasStart(object *v1alpha1.Backup, notYet bool) {
	status := &object.Status
	if notYet {
		phase := one(b.dice, v1alpha1.BackupScheduled, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupFailed,
			v1alpha1.BackupRetryTheFailed)
		b.sub(status, v1alpha1.LogStartCommand, phase)
		b.history(status, phase)
		return
	}
	b.sub(status, v1alpha1.LogStartCommand, v1alpha1.BackupComplete)
	b.history(status, v1alpha1.BackupScheduled, v1alpha1.BackupPrepare, v1alpha1.BackupRunning)
	status.CommitTs, status.TimeStarted, status.BackupPath = startTSO, b.at(-3600), "s3://bucket/full"
	if b.chance(20) {
		b.history(status, one(b.dice, v1alpha1.BackupFailed, v1alpha1.BackupRetryTheFailed, v1alpha1.BackupScheduled))
	}
}

func (b builder) isPaused(status *v1alpha1.BackupStatus) {
	b.sub(status, v1alpha1.LogPauseCommand, v1alpha1.BackupComplete)
	b.history(status, v1alpha1.BackupPaused)
}

func (b builder) isStopped(status *v1alpha1.BackupStatus) {
	b.sub(status, v1alpha1.LogStopCommand, v1alpha1.BackupComplete)
	b.history(status, v1alpha1.BackupStopped)
	status.TimeCompleted, status.TimeTaken = b.at(-60), "59m0s"
}

// unfinished gives the command a status in which it is not done, or none.
func (b builder) unfinished(object *v1alpha1.Backup, command v1alpha1.LogSubCommandType) {
	if b.chance(4) {
		return
	}
	phase := one(b.dice, v1alpha1.BackupFailed, v1alpha1.BackupFailed, v1alpha1.BackupFailed, v1alpha1.BackupScheduled,
		v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupRunning)
	if b.chance(6) {
		phase = one(b.dice, v1alpha1.BackupRetryTheFailed, v1alpha1.BackupInvalid, v1alpha1.BackupRepeatable)
	}
	status := &object.Status
	b.sub(status, command, phase)
	if command == v1alpha1.LogStartCommand && phase != v1alpha1.BackupRepeatable {
		b.history(status, phase)
		if phase != v1alpha1.BackupScheduled && b.chance(25) {
			b.history(status, one(b.dice, v1alpha1.BackupRunning, v1alpha1.BackupFailed, v1alpha1.BackupScheduled))
		}
	}
	if command == v1alpha1.LogTruncateCommand && b.chance(80) {
		said := status.LogSubCommandStatuses[command]
		said.LogTruncatingUntil = object.Spec.LogTruncateUntil
		status.LogSubCommandStatuses[command] = said
	}
}

// attempt is the command's Job: failed, mostly.
func (b builder) attempt(object *v1alpha1.Backup, command v1alpha1.LogSubCommandType) *batchv1.Job {
	job := b.newJob(object, jobName(object, "-"+string(command)))
	b.choose(
		weighted{45, func() { b.end(job, batchv1.JobFailed, trueCond) }},
		weighted{10, func() { b.end(job, batchv1.JobComplete, trueCond) }},
		weighted{15, func() {}},
		weighted{3, func() {
			b.end(job, one(b.dice, batchv1.JobFailed, batchv1.JobFailureTarget, batchv1.JobSuspended), falseCond)
		}},
		weighted{7, func() { b.terminate(job) }},
		weighted{7, func() { b.end(job, batchv1.JobFailed, trueCond); b.terminate(job) }},
		weighted{13, func() { job = nil }},
	)
	return job
}

func (b builder) terminate(job *batchv1.Job) {
	job.DeletionTimestamp = b.ref(-5)
	job.Finalizers = []string{metav1.FinalizerDeleteDependents}
}

func isEnded(job *batchv1.Job) bool {
	for _, each := range job.Status.Conditions {
		if (each.Type == batchv1.JobFailed || each.Type == batchv1.JobComplete) && each.Status == trueCond {
			return true
		}
	}
	return false
}

// ------------------------------------------------------------------ what happens

// handOver is the one update: the phase of the command's status and the annotations, nothing else.
func (b builder) handOver(s *situation) happening {
	command := v1alpha1.ParseLogBackupSubcommand(s.server.backup.object)
	policy := b.chance(15)
	return edit(true, func(object *v1alpha1.Backup) {
		said := object.Status.LogSubCommandStatuses[command]
		said.Command, said.Phase = command, v1alpha1.BackupRetryTheFailed
		if object.Status.LogSubCommandStatuses == nil {
			object.Status.LogSubCommandStatuses = map[v1alpha1.LogSubCommandType]v1alpha1.LogSubCommandStatus{}
		}
		object.Status.LogSubCommandStatuses[command] = said
		b.annotate(object, policy)
	})
}

func (b builder) annotate(object *v1alpha1.Backup, policy bool) {
	object.ResourceVersion = "200"
	metav1.SetMetaDataAnnotation(&object.ObjectMeta, retryStatusName, `{"records":[{"retryNum":1}]}`)
	if policy {
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, retryPolicyName, `{"maxRetryTimes":5}`)
	}
}

func (s *situation) job() *batchv1.Job {
	for _, each := range *s.server.jobs {
		return each
	}
	return nil
}

// goneJob is that the Job is not there any more, and that the operator hears of it.
func goneJob(job *batchv1.Job) []happening {
	return []happening{removeJobs(true), {run: "jobDeleted", job: func(*world) *batchv1.Job { return copied(job) }}}
}

var (
	plainEvent = happening{run: "event"}
	plainSync  = happening{run: "sync"}
)

// again is a handover and what the operator makes of it, until there is a new attempt, if there ever is.
func (b builder) again(s *situation) []happening {
	return append([]happening{b.handOver(s), plainEvent, plainSync}, b.untilAgain(s)...)
}

// untilAgain is what follows the first sync.
func (b builder) untilAgain(s *situation) []happening {
	job, when := s.job(), []happening{}
	if job == nil {
		return b.newAttempt()
	}
	switch {
	case job.DeletionTimestamp != nil:
		if b.chance(50) {
			when = append(when, plainEvent, plainSync)
		}
	case isEnded(job):
		if b.chance(25) {
			when = append(when, b.terminating(job), plainEvent, plainSync)
		}
	default:
		when = append(when, plainEvent, plainSync)
		if b.chance(40) {
			return when // and so on
		}
		when = append(when, b.endJobs(true), plainEvent, plainSync)
	}
	when = append(when, goneJob(job)...)
	return append(append(when, plainSync), b.newAttempt()...)
}

// terminating is that the deleted Job is still there, as in a cluster where its pod has to end first.
func (b builder) terminating(job *batchv1.Job) happening {
	return editJobs(true, func([]*batchv1.Job) []*batchv1.Job {
		job := copied(job)
		b.terminate(job)
		return []*batchv1.Job{job}
	})
}

// newAttempt is that the informers see the new Job; sometimes its pod writes, too.
func (b builder) newAttempt() []happening {
	when := []happening{refreshed("backup", "jobs"), plainEvent}
	if b.chance(35) {
		when = append(when, b.logWord(one(b.dice, v1alpha1.BackupPrepare, v1alpha1.BackupComplete, v1alpha1.BackupFailed)), plainEvent)
	}
	return when
}

// logWord is what the pod of the current command writes.
func (b builder) logWord(phase v1alpha1.BackupConditionType) happening {
	return edit(true, func(object *v1alpha1.Backup) {
		command := v1alpha1.ParseLogBackupSubcommand(object)
		if phase == v1alpha1.BackupComplete {
			b.complete(object, command)
		} else {
			updateStatus(object, &v1alpha1.BackupCondition{Command: command, Type: phase, Status: trueCond}, nil)
		}
		object.ResourceVersion = "300"
	})
}

// againFaultily is a handover in which the API server refuses something once.
func (b builder) againFaultily(s *situation) []happening {
	when := b.again(s)
	job := s.job()
	word := one(b.dice, "conflict", "timeout", "internal", "forbidden")
	var refused []fault
	if job != nil && job.DeletionTimestamp == nil && isEnded(job) && b.chance(50) {
		refused = []fault{newFault("delete jobs", 1, word, false)}
		when[2].answers = refused
		return append(when[:3:3], append([]happening{plainSync}, when[3:]...)...)
	}
	if refused = []fault{newFault("create jobs", 1, word, b.chance(30))}; b.chance(50) {
		refused = nil
		for attempt := range one(b.dice, 1, 5) {
			refused = append(refused, newFault("update backups", attempt+1, word, false))
		}
	}
	for i := len(when) - 1; i >= 0; i-- {
		if when[i].run == "sync" {
			when[i].answers = refused
			return append(when[:i+1], refreshed("backup", "jobs"), plainSync, b.endJobs(true), plainEvent, plainSync)
		}
	}
	panic(defect("a handover without a sync"))
}

// ail lets the operator have a reason of its own not to run anything; in the end the reason may go.
func (b builder) ail(s *situation) {
	object := s.server.backup.object
	good, job := healthyCluster(object), s.job()
	bad := good
	bad.Ready = false
	s.when = []happening{b.handOver(s), plainEvent, plainSync}
	b.choose(
		weighted{30, func() { s.server.clusters = &[]cluster{bad} }},
		weighted{20, func() { s.cache.clusters = &[]cluster{} }},
		weighted{25, func() { object.Spec.S3.Bucket = "" }},
		weighted{25, func() { object.Spec.S3.SecretName = "s3-secret" }},
	)
	if object.Spec.S3.Bucket == "" {
		s.when = append(s.when, refreshed("backup"), plainEvent)
		return
	}
	if object.Spec.S3.SecretName != "" {
		if job != nil && (job.DeletionTimestamp != nil || isEnded(job)) {
			s.when = append(append(s.when, goneJob(job)...), plainSync)
		}
		s.when = append(s.when, happening{change: func(*world) change {
			return change{cache: &state{secrets: &[]secret{{object.Namespace, "s3-secret", []string{"access_key", "secret_key"}}}}}
		}})
	} else {
		s.when = append(s.when, happening{change: func(*world) change {
			return change{server: &state{clusters: &[]cluster{good}}, cache: &state{clusters: &[]cluster{good}}}
		}})
	}
	s.when = append(s.when, refreshed("backup"), plainEvent, plainSync)
}

// lag lets one of the operator's caches be late.
func (b builder) lag(s *situation) {
	if s.job() != nil && b.chance(50) {
		// The operator takes the Job for gone.
		s.cache.jobs = &[]*batchv1.Job{}
		s.when = []happening{b.handOver(s), plainEvent, plainSync, refreshed("backup", "jobs"), plainEvent, plainSync}
		return
	}
	unseen := b.handOver(s)
	alter := unseen.change
	unseen.change = func(w *world) change {
		said := alter(w)
		said.cache = nil
		return said
	}
	s.when = []happening{unseen, plainEvent, refreshed("backup"), plainEvent, plainSync}
}

// superseded is a handover after which another command is wished before the operator looks.
func (b builder) superseded(s *situation) []happening {
	handed := v1alpha1.ParseLogBackupSubcommand(s.server.backup.object)
	for {
		wished := one(b.dice, v1alpha1.LogStartCommand, v1alpha1.LogStopCommand, v1alpha1.LogPauseCommand)
		wish := func(object *v1alpha1.Backup) {
			object.ResourceVersion = "250"
			object.Spec.LogSubcommand, object.Spec.LogStop, object.Spec.LogTruncateUntil = wished, false, ""
		}
		tried := copied(s.server.backup.object)
		if wish(tried); v1alpha1.ParseLogBackupSubcommand(tried) != handed {
			return []happening{b.handOver(s), edit(true, wish), plainEvent, plainSync}
		}
	}
}

// lateWord is that the pod of the old attempt still says after the handover that it failed; then it is handed over again.
func (b builder) lateWord(s *situation) []happening {
	when := []happening{b.handOver(s), b.logWord(v1alpha1.BackupFailed), plainEvent}
	if b.chance(60) {
		when = append(when, b.again(s)...)
	}
	return when
}

// startedAlready is a handover of a log-start whose task runs since long.
func (b builder) startedAlready() *situation {
	object := b.healthyLog()
	object.Spec.LogSubcommand = one(b.dice, "", v1alpha1.LogStartCommand)
	b.hasStart(object, false)
	b.sub(&object.Status, v1alpha1.LogStartCommand, one(b.dice, v1alpha1.BackupFailed, v1alpha1.BackupRunning, v1alpha1.BackupRetryTheFailed))
	s := b.around(object, b.attempt(object, v1alpha1.LogStartCommand))
	if b.chance(50) {
		s.task = b.newTask()
	}
	s.when = []happening{b.handOver(s), plainEvent, plainSync, refreshed("backup", "jobs"), plainEvent, plainSync}
	return s
}

// ------------------------------------------------------------------ mends

// mended is a log backup whose status is mended to what was found of the task: the command is done.
func (b builder) mended() *situation {
	object := b.healthyLog()
	status, spec := &object.Status, &object.Spec
	done := one(b.dice, v1alpha1.LogStartCommand, v1alpha1.LogStartCommand, v1alpha1.LogStartCommand,
		v1alpha1.LogPauseCommand, v1alpha1.LogPauseCommand, v1alpha1.LogStopCommand, v1alpha1.LogResumeCommand)
	wished, task := done, runningTask()
	b.hasStart(object, done == v1alpha1.LogStartCommand)
	finished := []v1alpha1.LogSubCommandType{done}
	switch done {
	case v1alpha1.LogStartCommand:
		wished = one(b.dice, "", v1alpha1.LogStartCommand, v1alpha1.LogPauseCommand, v1alpha1.LogStopCommand)
		if b.chance(20) {
			// It is paused by an error. The operator resumes it if it is told that it is paused.
			wished, task = one(b.dice, "", v1alpha1.LogStartCommand), pausedTask()
			finished = append(finished, v1alpha1.LogPauseCommand)
		}
	case v1alpha1.LogPauseCommand:
		wished, task = one(b.dice, done, done, v1alpha1.LogStartCommand, ""), pausedTask()
		if b.chance(40) {
			b.sub(status, v1alpha1.LogResumeCommand, one(b.dice, v1alpha1.BackupComplete, v1alpha1.BackupFailed))
		}
	case v1alpha1.LogStopCommand:
		task = &taskState{answers: map[string]answer{}}
	case v1alpha1.LogResumeCommand:
		wished = one(b.dice, "", v1alpha1.LogStartCommand)
		b.isPaused(status)
	}
	spec.LogSubcommand = wished
	if done != v1alpha1.LogStartCommand {
		b.unfinished(object, done)
	}
	s := b.around(object, b.attempt(object, done))
	s.task = task
	mend := edit(true, func(object *v1alpha1.Backup) {
		for _, each := range finished {
			b.complete(object, each)
		}
		b.annotate(object, false)
	})
	s.when = []happening{mend, plainEvent, plainSync, refreshed("backup", "jobs"), plainEvent, plainSync, plainEvent, plainSync}
	return s
}

// complete writes with the operator's own updater what the program in the pod writes when a command is done.
func (b builder) complete(object *v1alpha1.Backup, command v1alpha1.LogSubCommandType) {
	write := func(phase v1alpha1.BackupConditionType, update *controller.BackupUpdateStatus) {
		updateStatus(object, &v1alpha1.BackupCondition{Command: command, Type: phase, Status: trueCond}, update)
	}
	update := &controller.BackupUpdateStatus{TimeStarted: b.ref(0), TimeCompleted: b.ref(0)}
	switch command {
	case v1alpha1.LogStartCommand:
		path, commitTs := "s3://bucket/full", startTSO
		write(v1alpha1.BackupRunning, &controller.BackupUpdateStatus{BackupPath: &path})
		update.CommitTs = &commitTs
	case v1alpha1.LogTruncateCommand:
		until := object.Spec.LogTruncateUntil
		update.LogSuccessTruncateUntil = &until
	}
	write(v1alpha1.BackupComplete, update)
}
