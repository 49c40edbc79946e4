package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	batchv1 "k8s.io/api/batch/v1"
)

var commands = []v1alpha1.LogSubCommandType{
	v1alpha1.LogStartCommand, v1alpha1.LogStopCommand, v1alpha1.LogPauseCommand, v1alpha1.LogResumeCommand,
	v1alpha1.LogTruncateCommand,
}

var subPhases = []v1alpha1.BackupConditionType{
	v1alpha1.BackupScheduled, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete, v1alpha1.BackupFailed,
	v1alpha1.BackupRetryTheFailed, v1alpha1.BackupInvalid, v1alpha1.BackupRepeatable,
}

var truncations = []string{
	laterTSO, earlierTSO, startTSO, laterAsText, startAsText, laterRFC3339, "2024-01-15T22:49:24+08:00", "0", "garbage",
	"2024-1-15 14:49:24", "2024-01-15 4:49:24", "2024-01-15 14:49:24.5", "18446744073709551615", "18446744073709551616", "+1", " 1",
	"446000000000000001", "1969-12-31 23:59:59", "9999-12-31 23:59:59",
}

// logSituation is about log backups that are not being deleted.
func logSituation(b builder) *situation {
	object, jobs := b.newLogBackup()
	s := b.newSituation(object, jobs)
	s.task = b.newTask()
	if b.chance(7) {
		// The operator was started without the cluster, so it does not track the Backup.
		s.cache.clusters, s.server.clusters = s.server.clusters, &[]cluster{}
	}
	commandJob := jobName(object, "-"+string(one(b.dice, commands...)))
	s.when = b.sequence(commandJob,
		func() happening { return b.endJobs(b.chance(80)) },
		func() happening { return removeJobs(b.chance(80)) },
		b.logEdit, b.logEdit, b.logEdit,
		b.logPod, b.logPod, b.logPod,
		b.changeTask, b.changeTask, b.changeTask,
		func() happening { return b.changeClusters(object) },
		func() happening { return b.changeSecrets(object) },
	)
	switch {
	case b.chance(25):
		s.when = b.kernelSequence()
	case b.chance(20):
		s.when = b.story(b.logEdit, b.event, b.sync, b.catchUp, b.logPod,
			func() happening { return b.endJobs(true) }, b.event, b.sync)
	}
	// Registration asks the API server for the TidbCluster, whose refusals are answered five times.
	if b.chance(8) {
		for i := range s.when {
			if s.when[i].run == "sync" && s.when[i].answers == nil {
				for attempt := range one(b.dice, 1, 5) {
					s.when[i].answers = append(s.when[i].answers, newFault("get tidbclusters", attempt+1, "timeout", false))
				}
			}
		}
	}
	return s
}

// kernelSequence syncs again and again, so that the kernel's state is compared with what is wanted.
func (b builder) kernelSequence() []happening {
	when := []happening{b.sync()}
	for range b.between(1, 3) {
		if b.chance(30) {
			when = append(when, b.changeTask())
		}
		if b.chance(15) {
			when = append(when, b.logEdit())
		}
		if b.chance(50) {
			when = append(when, refreshed("backup"))
		}
		when = append(when, b.sync())
	}
	return when
}

// newLogBackup is a log backup somewhere in its life, with the Jobs that it may have.
func (b builder) newLogBackup() (*v1alpha1.Backup, []*batchv1.Job) {
	object := b.newBackup(v1alpha1.BackupModeLog)
	spec, status := &object.Spec, &object.Status
	if b.chance(2) {
		b.makeExport(object)
	}
	spec.LogSubcommand = one(b.dice, "", "", "", v1alpha1.LogStartCommand, v1alpha1.LogStartCommand, v1alpha1.LogStopCommand,
		v1alpha1.LogPauseCommand, v1alpha1.LogPauseCommand)
	if b.chance(3) {
		spec.LogSubcommand = one(b.dice, v1alpha1.LogResumeCommand, v1alpha1.LogTruncateCommand, "log-nonsense")
	}
	spec.LogStop = spec.LogSubcommand == "" && b.chance(15)
	if b.chance(30) {
		spec.LogTruncateUntil = mostly(b.dice, 40, laterTSO, truncations...)
	}
	if b.chance(10) {
		spec.CommitTs = mostly(b.dice, 15, startTSO, truncations...)
	}
	if b.chance(85) {
		object.Finalizers = []string{finalizer}
	}
	b.logStatus(status)
	return object, b.logJobs(object)
}

func (b builder) logStatus(status *v1alpha1.BackupStatus) {
	started := func() {
		b.sub(status, v1alpha1.LogStartCommand, v1alpha1.BackupComplete)
		b.history(status, v1alpha1.BackupScheduled, v1alpha1.BackupPrepare, v1alpha1.BackupRunning)
		status.CommitTs = mostly(b.dice, 10, startTSO, startAsText, earlierTSO, "junk")
		status.TimeStarted, status.BackupPath = b.at(-3600), "s3://bucket/full"
	}
	b.choose(
		weighted{8, func() {}},
		weighted{10, func() {
			phase := one(b.dice, subPhases[:7]...)
			if phase != v1alpha1.BackupComplete {
				b.history(status, phase)
			}
			b.sub(status, v1alpha1.LogStartCommand, phase)
		}},
		weighted{30, started},
		weighted{15, func() {
			started()
			b.sub(status, v1alpha1.LogPauseCommand, v1alpha1.BackupComplete)
			b.history(status, v1alpha1.BackupPaused)
		}},
		weighted{8, func() {
			started()
			b.sub(status, v1alpha1.LogStopCommand, v1alpha1.BackupComplete)
			b.history(status, v1alpha1.BackupStopped)
			status.TimeCompleted, status.TimeTaken = b.at(-60), "59m0s"
		}},
		weighted{8, func() {
			started()
			phase := one(b.dice, v1alpha1.BackupFailed, v1alpha1.BackupRetryTheFailed, v1alpha1.BackupInvalid)
			b.sub(status, v1alpha1.LogStartCommand, phase)
			b.history(status, phase)
		}},
		weighted{15, func() {
			started()
			b.sub(status, one(b.dice, commands...), one(b.dice, subPhases...))
			b.sub(status, one(b.dice, commands...), one(b.dice, subPhases...))
		}},
		weighted{8, func() {
			b.mixture(status, append(phases[:10:10], v1alpha1.BackupPaused, v1alpha1.BackupStopped, v1alpha1.BackupRunning))
			if b.chance(50) {
				status.CommitTs = startTSO
			}
			for range b.IntN(4) {
				b.sub(status, one(b.dice, commands...), one(b.dice, subPhases...))
			}
		}},
	)
	if b.chance(12) {
		status.LogSuccessTruncateUntil = one(b.dice, truncations...)
	}
	if status.CommitTs != "" && b.chance(40) {
		status.LogCheckpointTs, status.TimeSynced = "446100000000000000", b.ref(-30)
	}
}

// sub sets the status of a command.
func (b builder) sub(status *v1alpha1.BackupStatus, command v1alpha1.LogSubCommandType, phase v1alpha1.BackupConditionType) {
	if status.LogSubCommandStatuses == nil {
		status.LogSubCommandStatuses = map[v1alpha1.LogSubCommandType]v1alpha1.LogSubCommandStatus{}
	}
	said := v1alpha1.LogSubCommandStatus{Command: command, Phase: phase}
	if command == v1alpha1.LogTruncateCommand {
		said.LogTruncatingUntil = mostly(b.dice, 30, laterTSO, truncations...)
	}
	if phase != v1alpha1.BackupRepeatable {
		if phase == v1alpha1.BackupComplete && b.chance(80) {
			said.TimeStarted, said.TimeCompleted = b.at(-400), b.at(-390)
			for _, each := range subPhases[:3] {
				said.Conditions = append(said.Conditions, b.condition(each, trueCond, -395))
			}
		}
		said.Conditions = append(said.Conditions, b.condition(phase, trueCond, -b.between(1, 300)))
	}
	status.LogSubCommandStatuses[command] = said
}

func (b builder) logJobs(object *v1alpha1.Backup) []*batchv1.Job {
	var jobs []*batchv1.Job
	for _, command := range commands {
		if b.chance(22) {
			jobs = append(jobs, b.anyJob(object, jobName(object, "-"+string(command)), 20))
		}
	}
	return jobs
}

// logEdit changes what is wanted of a log backup.
func (b builder) logEdit() happening {
	wanted := one(b.dice, v1alpha1.LogStartCommand, v1alpha1.LogStopCommand, v1alpha1.LogPauseCommand, v1alpha1.LogPauseCommand, "")
	until, which := mostly(b.dice, 40, laterTSO, truncations...), b.IntN(10)
	return edit(b.chance(85), func(object *v1alpha1.Backup) {
		object.ResourceVersion = "300"
		switch {
		case which < 6:
			object.Spec.LogSubcommand, object.Spec.LogStop = wanted, false
		case which < 9:
			object.Spec.LogTruncateUntil = until
		default:
			object.Spec.LogSubcommand, object.Spec.LogStop = "", true
		}
	})
}

// logPod writes what the pod of the present command writes next.
func (b builder) logPod() happening {
	phase := one(b.dice, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete, v1alpha1.BackupComplete,
		v1alpha1.BackupComplete, v1alpha1.BackupFailed)
	return edit(b.chance(85), func(object *v1alpha1.Backup) {
		command := v1alpha1.ParseLogBackupSubcommand(object)
		update := &controller.BackupUpdateStatus{}
		if phase == v1alpha1.BackupComplete {
			start, until := startTSO, object.Spec.LogTruncateUntil
			update.TimeStarted, update.TimeCompleted = b.ref(-5), b.ref(0)
			switch command {
			case v1alpha1.LogStartCommand:
				update.CommitTs = &start
			case v1alpha1.LogTruncateCommand:
				update.LogSuccessTruncateUntil = &until
			}
		}
		updateStatus(object, &v1alpha1.BackupCondition{Command: command, Type: phase, Status: trueCond}, update)
		object.ResourceVersion = "200"
	})
}

// newTask is the log task as PD has it, mostly one that runs.
func (b builder) newTask() *taskState {
	task := &taskState{answers: map[string]answer{}}
	if b.chance(3) {
		task.unreachable = "dial tcp: lookup basic-pd.tidb: no such host"
		return task
	}
	if b.chance(85) {
		task.answers["info"] = answer{values: [][]byte{[]byte("\x0a\x04demo")}}
	}
	if b.chance(75) {
		checkpoint := binary.BigEndian.AppendUint64(nil, mostly(b.dice, 10, uint64(446100000000000000), 0, 1<<64-1))
		task.answers["checkpoint"] = answer{values: [][]byte{mostly(b.dice, 8, checkpoint, []byte("short"), nil, append(checkpoint, 0))}}
	}
	if b.chance(45) {
		task.answers["pause"] = answer{values: [][]byte{b.pause()}}
	}
	if b.chance(10) {
		task.answers["last-error"] = answer{values: [][]byte{[]byte("disk full")}}
	}
	if b.chance(10) {
		task.answers[one(b.dice, taskKinds...)] = answer{err: "context deadline exceeded"}
	}
	if b.chance(5) {
		// The prefix of task `demo` also finds task `demo-2`.
		for _, kind := range taskKinds {
			if each, is := task.answers[kind]; is && each.err == "" && b.chance(50) {
				task.answers[kind] = answer{values: append([][]byte{[]byte("another")}, each.values...)}
			}
		}
	}
	return task
}

// pause is the value of the pause key: empty of old, JSON of late.
func (b builder) pause() []byte {
	if b.chance(30) {
		return nil
	}
	info := map[string]any{
		"severity": mostly(b.dice, 30, "ERROR", "MANUAL"), "operation_hostname": "host", "operation_pid": 1,
		"operation_time": "2024-01-15T14:49:24.123Z",
		"payload_type":   one(b.dice, mediaTypes...), "payload": base64.StdEncoding.EncodeToString([]byte(one(b.dice, payloads...))),
	}
	if b.chance(10) {
		delete(info, one(b.dice, "severity", "operation_hostname", "operation_time", "payload_type", "payload"))
	}
	if b.chance(12) {
		info[one(b.dice, "severity", "operation_pid", "operation_time", "payload")] = one[any](b.dice, 5, "x", nil, true, "!!", []any{}, []any{104, 105}, []any{256}, []any{"a"}, map[string]any{}, 1.5, -1)
	}
	text, err := json.Marshal(info)
	must(err)
	return []byte(mostly(b.dice, 6, string(text), "garbage", "{", "[]", "null", "5", string(text)+"}", " "+string(text)+"\n"))
}

const protobufType = "application/x-protobuf; messagetype=brpb.StreamBackupError"

var mediaTypes = []string{
	"text/plain", "text/plain", "text/plain; charset=utf-8", "TEXT/Plain", protobufType, protobufType, protobufType,
	"application/x-protobuf", "application/x-protobuf;messagetype=other", "application/x-protobuf?messagetype=brpb.StreamBackupError",
	"application/json", "", "text/plain;", "text / plain", "text/plain; charset", "a/b/c", "text", `text/plain; a="b;c"`,
	"text/plain; a=b; a=b", "text/plain; a=b; a=c", "text/plain;;", `text/plain; a="b`, "text/plain; a=b c", "text/plain; =b",
	"text/plain; A=b; a=b", "text/plain ; a=b ;", "/plain", "text/",
	`application/x-protobuf; messagetype="brpb.StreamBackupError"`,
}

var payloads = []string{
	"disk is full", "", `{"store_id":3,"error_message":"cannot flush","error_code":"KV:1"}`, `{"store_id":3}`, `{}`,
	`{"store_id":"3"}`, "\x08\x01", `{"store_id":-1}`, "null", `{"store_id":NaN}`, `{"store_id":18446744073709551615}`, `{"store_id":18446744073709551616}`,
	`{"store_id":3,"unknown":[1,{}]}`, `{"store_id":3,"happen_at":null}`, `{"Store_ID":3,"error_MESSAGE":"x"}`,
}

// changeTask changes the task. It is never made unreachable later: the operator keeps its client.
func (b builder) changeTask() happening {
	task := b.newTask()
	task.unreachable = ""
	return happening{change: func(*world) change { return change{task: task} }}
}
