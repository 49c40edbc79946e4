package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/apis/util/config"
	backuputil "github.com/pingcap/tidb-operator/pkg/backup/util"
	"github.com/pingcap/tidb-operator/pkg/controller"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ruleVector is a vector of the rules.
type ruleVector struct {
	ID     string `json:"id"`
	Source source `json:"source"`
	Runs   string `json:"runs"`
	Rule   string `json:"rule"`
	Given  record `json:"given"`
	Then   record `json:"then"`
}

// ruleLine asks one rule. Only an update calculates with readings of the clock, and rounds.
func ruleLine(seed uint64, index int) []byte {
	end := wholeSecond
	for {
		now := beginSecond(end)
		rule, given, then := askRule(builder{newDice(seed, "rules", index), clock{now}})
		if rule == "updated" {
			end = halfSecond
		}
		if !isOver(now, end) {
			return encoded(ruleVector{
				fmt.Sprintf("rule-%06d", index), source{operatorModule, operatorVersion, seed}, "rules", rule, given, then,
			})
		}
	}
}

func askRule(b builder) (rule string, given, then record) {
	switch turn := b.IntN(100); {
	case turn < 36:
		return b.askPredicate()
	case turn < 46:
		return b.askText()
	case turn < 52:
		return b.askSynced()
	case turn < 58:
		return b.askOn()
	case turn < 64:
		return b.askTimestamp()
	case turn < 78:
		return b.askValidation()
	case turn < 86:
		return b.askCondition()
	}
	return b.askUpdated()
}

var texts = []struct {
	rule string
	of   func(*v1alpha1.Backup) string
}{
	{"current_command", func(o *v1alpha1.Backup) string { return string(v1alpha1.ParseLogBackupSubcommand(o)) }},
	{"current_command", func(o *v1alpha1.Backup) string { return string(v1alpha1.ParseLogBackupSubcommand(o)) }},
	{"job_name", (*v1alpha1.Backup).GetBackupJobName},
	{"clean_job_name", (*v1alpha1.Backup).GetCleanJobName},
	{"stop_job_name", (*v1alpha1.Backup).GetStopLogBackupJobName},
	{"init_job_name", (*v1alpha1.Backup).GetVolumeBackupInitializeJobName},
}

var predicates = []struct {
	rule string
	of   func(*v1alpha1.Backup) bool
}{
	{"is_restart", v1alpha1.IsBackupRestart},
	{"is_clean_failed", v1alpha1.IsBackupCleanFailed},
	{"is_volume_initialized", v1alpha1.IsVolumeBackupInitialized},
	{"is_volume_initialize_failed", v1alpha1.IsVolumeBackupInitializeFailed},
	{"is_volume_snapshots_created", v1alpha1.IsVolumeBackupSnapshotsCreated},
	{"is_volume_initialize_complete", v1alpha1.IsVolumeBackupInitializeComplete},
	{"is_volume_complete", v1alpha1.IsVolumeBackupComplete},
	{"is_volume_failed", v1alpha1.IsVolumeBackupFailed},
	{"is_log_started", v1alpha1.IsLogBackupAlreadyStart},
	{"is_log_stopped", v1alpha1.IsLogBackupAlreadyStop},
	{"is_log_paused", v1alpha1.IsLogBackupAlreadyPaused},
	{"is_log_running", v1alpha1.IsLogBackupAlreadyRunning},
	{"is_log_on_track", v1alpha1.IsLogBackupOnTrack},
	{"is_clean_candidate", v1alpha1.IsCleanCandidate},
	{"needs_retained_data", v1alpha1.NeedRetainData},
	{"is_clean", v1alpha1.IsBackupClean},
	{"is_already_truncated", v1alpha1.IsLogBackupAlreadyTruncate},
	{"is_already_truncated", v1alpha1.IsLogBackupAlreadyTruncate},
}

var onPhases = map[v1alpha1.BackupConditionType]func(*v1alpha1.Backup) bool{
	v1alpha1.BackupComplete: v1alpha1.IsBackupComplete, v1alpha1.BackupInvalid: v1alpha1.IsBackupInvalid,
	v1alpha1.BackupFailed: v1alpha1.IsBackupFailed, v1alpha1.BackupScheduled: v1alpha1.IsBackupScheduled,
	v1alpha1.BackupRunning: v1alpha1.IsBackupRunning, v1alpha1.BackupPrepare: v1alpha1.IsBackupPrepared,
}

// anyBackup is a Backup of any mode anywhere in its life, or beyond.
func (b builder) anyBackup() *v1alpha1.Backup {
	var object *v1alpha1.Backup
	b.choose(
		weighted{45, func() { object, _ = b.newLogBackup() }},
		weighted{25, func() {
			object = b.newBackup(mostly(b.dice, 15, v1alpha1.BackupModeSnapshot, "", "weird"))
			b.snapshotStatus(object)
		}},
		weighted{30, func() {
			object = b.newBackup(v1alpha1.BackupModeVolumeSnapshot)
			b.volumeStatus(&object.Status)
		}},
	)
	if b.chance(15) {
		kind := mostly(b.dice, 40, v1alpha1.BackupClean, v1alpha1.BackupCleanFailed)
		object.Status.Conditions = append(object.Status.Conditions, b.condition(kind, mostly(b.dice, 40, trueCond, falseCond), -9))
		object.Status.Phase = kind
	}
	if b.chance(10) {
		b.makeExport(object)
	}
	return copied(object)
}

func (b builder) askPredicate() (string, record, record) {
	asked, object := one(b.dice, predicates...), b.anyBackup()
	if asked.rule == "is_already_truncated" {
		object.Spec.LogTruncateUntil = one(b.dice, truncations...)
		object.Status.LogSuccessTruncateUntil = mostly(b.dice, 50, "", truncations...)
	}
	return asked.rule, record{"backup": wholeBackup(object, b.now)}, record{"value": asked.of(object)}
}

func (b builder) askText() (string, record, record) {
	asked, object := one(b.dice, texts...), b.anyBackup()
	return asked.rule, record{"backup": wholeBackup(object, b.now)}, record{"value": asked.of(object)}
}

func (b builder) askSynced() (string, record, record) {
	object, command := b.anyBackup(), mostly(b.dice, 10, one(b.dice, commands...), "", v1alpha1.LogUnknownCommand)
	return "is_synced", record{"backup": wholeBackup(object, b.now), "command": string(command)},
		record{"value": v1alpha1.IsLogSubcommandAlreadySync(object, command)}
}

func (b builder) askOn() (string, record, record) {
	phase := one(b.dice, v1alpha1.BackupComplete, v1alpha1.BackupInvalid, v1alpha1.BackupFailed, v1alpha1.BackupScheduled,
		v1alpha1.BackupRunning, v1alpha1.BackupPrepare)
	object := b.anyBackup()
	return "is_on", record{"backup": wholeBackup(object, b.now), "phase": string(phase)}, record{"value": onPhases[phase](object)}
}

func (b builder) askTimestamp() (string, record, record) {
	text := one(b.dice, append(truncations, timestamps...)...)
	if b.chance(30) {
		text = strconv.FormatUint(b.Uint64(), 10)
	}
	if b.chance(20) {
		text = time.Unix(int64(b.Uint32()), 0).UTC().Format(one(b.dice, "2006-01-02 15:04:05", time.RFC3339, time.RFC3339Nano))
	}
	value, err := config.ParseTSString(text)
	then := record{"value": strconv.FormatUint(value, 10)}
	if err != nil {
		then["value"] = record{"error": err.Error()}
	}
	return "parse_ts", record{"text": text}, then
}

var timestamps = []string{
	"", "00", "0x10", "1_000", "-1", "2024-02-30 00:00:00", "2024-02-29 00:00:00", "2023-02-29 00:00:00", "2024-01-15T14:49:24",
	"2024-01-15T14:49:24.123456789Z", "2024-01-15 14:49:24.999999999", "2024-01-15 14:49:24,5", "2024-01-15T14:49:24+0800",
	"2024-01-15 24:00:00", "2024-01-15 14:49:60", "2024-01-15", "14:49:24", "2024-01-15 14:49", "0001-01-01 00:00:00",
	"1677-09-21 00:12:43", "2262-04-11 23:47:17", "1970-01-01 00:00:00", "1970-01-01T00:00:00+01:00", "2024-01-15t14:49:24z",
	" 2024-01-15 14:49:24", "2024-01-15 14:49:24 ", "2024-01-15T14:49:24-23:59", "2024-01-15T14:49:24+24:00", "½", "٣",
	"2024-01-15  14:49:24", "2024-13-01 00:00:00", "2024-00-01 00:00:00", "2024-01-15 14:9:24", "2024-01-15T4:49:24Z",
}

func (b builder) askValidation() (string, record, record) {
	object := b.anyBackup()
	if b.chance(65) && object.Spec.BR != nil {
		b.spoil(object)
	} else if b.chance(40) {
		object.Spec.S3 = &v1alpha1.S3StorageProvider{Bucket: "bucket", Endpoint: one(b.dice, endpoints...)}
	}
	given := record{"backup": wholeBackup(object, b.now), "cluster": nil}
	var tidb *v1alpha1.TidbCluster
	image := ""
	if clusters := b.clustersFor(object); len(clusters) > 0 {
		tidb = clusters[0].object()
		image, given["cluster"] = tidb.TiKVImage(), clusters[0]
	}
	then := record{"value": nil}
	if err := backuputil.ValidateBackup(object, image, tidb); err != nil {
		then["value"] = err.Error()
	}
	return "validate_spec", given, then
}

// anyCondition is one that somebody may write, often one that is there already.
func (b builder) anyCondition(status *v1alpha1.BackupStatus) *v1alpha1.BackupCondition {
	condition := &v1alpha1.BackupCondition{Type: one(b.dice, phases...), Status: mostly(b.dice, 15, trueCond, falseCond)}
	if len(status.Conditions) > 0 && b.chance(50) {
		*condition = one(b.dice, status.Conditions...)
		condition.LastTransitionTime = metav1.Time{}
		if b.chance(30) {
			condition.Status = falseCond
		}
	}
	if b.chance(30) {
		condition.Reason, condition.Message = one(b.dice, "", "AlreadyFailed"), one(b.dice, "", "exit status 1")
	}
	return condition
}

func (b builder) askCondition() (string, record, record) {
	object := b.anyBackup()
	status, condition := &object.Status, b.anyCondition(&object.Status)
	if b.chance(10) {
		condition.Command = v1alpha1.LogStartCommand
	}
	given := record{"status": generic(status, b.now), "condition": generic(condition, b.now)}
	changed := v1alpha1.UpdateBackupCondition(status, condition)
	return "update_condition", given, record{"value": record{"changed": changed, "status": generic(status, b.now)}}
}

// update is BackupUpdateStatus as vectors say it.
type update struct {
	BackupPath                    *string               `json:"backupPath,omitempty"`
	TimeStarted                   *metav1.Time          `json:"timeStarted,omitempty"`
	TimeCompleted                 *metav1.Time          `json:"timeCompleted,omitempty"`
	TimeSynced                    *metav1.Time          `json:"timeSynced,omitempty"`
	BackupSizeReadable            *string               `json:"backupSizeReadable,omitempty"`
	BackupSize                    *int64                `json:"backupSize,omitempty"`
	IncrementalBackupSizeReadable *string               `json:"incrementalBackupSizeReadable,omitempty"`
	IncrementalBackupSize         *int64                `json:"incrementalBackupSize,omitempty"`
	CommitTs                      *string               `json:"commitTs,omitempty"`
	LogCheckpointTs               *string               `json:"logCheckpointTs,omitempty"`
	LogSuccessTruncateUntil       *string               `json:"logSuccessTruncateUntil,omitempty"`
	LogTruncatingUntil            *string               `json:"logTruncatingUntil,omitempty"`
	ProgressStep                  *string               `json:"progressStep,omitempty"`
	Progress                      *float64              `json:"progress,omitempty"`
	ProgressUpdateTime            *metav1.Time          `json:"progressUpdateTime,omitempty"`
	RetryNum                      *int                  `json:"retryNum,omitempty"`
	DetectFailedAt                *metav1.Time          `json:"detectFailedAt,omitempty"`
	ExpectedRetryAt               *metav1.Time          `json:"expectedRetryAt,omitempty"`
	RealRetryAt                   *metav1.Time          `json:"realRetryAt,omitempty"`
	RetryReason                   *string               `json:"retryReason,omitempty"`
	OriginalReason                *string               `json:"originalReason,omitempty"`
	BROperation                   *v1alpha1.BROperation `json:"brOperation,omitempty"`
}

func (u *update) status() *controller.BackupUpdateStatus {
	if u == nil {
		return nil
	}
	said := controller.BackupUpdateStatus(*u)
	return &said
}

// anyUpdate sets some fields, often to what they are already. Its times are fresh readings of the clock, moved.
func (b builder) anyUpdate(status *v1alpha1.BackupStatus) *update {
	read := time.Now()
	reading := func(seconds int) *metav1.Time {
		t := metav1.NewTime(read.Add(time.Duration(seconds) * time.Second))
		return &t
	}
	u := &update{}
	for range b.between(1, 3) {
		b.choose(
			weighted{8, func() { u.BackupPath = ref(one(b.dice, status.BackupPath, "s3://bucket/full", "")) }},
			weighted{8, func() { u.TimeStarted = reading(-60) }},
			weighted{8, func() { u.TimeCompleted = reading(one(b.dice, 0, -60, 3600)) }},
			weighted{8, func() { u.TimeSynced = reading(0) }},
			weighted{6, func() {
				u.BackupSize, u.BackupSizeReadable = ref(one[int64](b.dice, 0, 1024, status.BackupSize)), ref("1.0 kB")
			}},
			weighted{4, func() { u.IncrementalBackupSize, u.IncrementalBackupSizeReadable = ref[int64](7), ref("7 B") }},
			weighted{8, func() { u.CommitTs = ref(one(b.dice, status.CommitTs, startTSO, laterTSO)) }},
			weighted{8, func() { u.LogCheckpointTs = ref(one(b.dice, status.LogCheckpointTs, "446100000000000001")) }},
			weighted{8, func() { u.LogSuccessTruncateUntil = ref(one(b.dice, status.LogSuccessTruncateUntil, laterTSO)) }},
			weighted{8, func() { u.LogTruncatingUntil = ref(one(b.dice, laterTSO, earlierTSO)) }},
			weighted{10, func() {
				u.ProgressStep, u.Progress = ref(one(b.dice, "Full Backup", "Checksum")), ref(one(b.dice, 0, 12.5, 50, 100))
				u.ProgressUpdateTime = reading(0)
			}},
			weighted{12, func() {
				u.RetryNum = ref(b.between(0, len(status.BackoffRetryStatus)+2))
				if *u.RetryNum == 0 {
					u.RetryNum = nil // the operator would look before the first record
				}
				u.RealRetryAt = reading(0)
			}},
			weighted{8, func() {
				u.RetryNum = ref(len(status.BackoffRetryStatus) + 1)
				u.DetectFailedAt, u.ExpectedRetryAt = reading(0), reading(300)
				u.RetryReason, u.OriginalReason = ref("Job backup-demo has failed"), ref(one(b.dice, jobFailures...))
			}},
			weighted{10, func() {
				u.BROperation = &v1alpha1.BROperation{
					OperationID: one(b.dice, "op-1", "op-2", "op-10", ""), StartedAt: b.ref(-9), Command: "log truncate", ObservedAt: b.at(-1),
				}
			}},
		)
	}
	return u
}

func ref[T any](value T) *T { return &value }

func (b builder) askUpdated() (string, record, record) {
	object := b.anyBackup()
	status := &object.Status
	if b.chance(15) {
		object.DeletionTimestamp = b.ref(-5)
	}
	if b.chance(15) {
		for i := range b.between(1, 10) {
			status.BROperations = append(status.BROperations, v1alpha1.BROperation{
				OperationID: fmt.Sprintf("op-%d", i+1), StartedAt: b.ref(-100 - i), Command: "log truncate", ObservedAt: b.at(-90 - i),
			})
		}
	}
	if b.chance(25) {
		status.Progresses = []v1alpha1.Progress{{
			Step: "Full Backup", Progress: one[float64](b.dice, 0, 40, 100), LastTransitionTime: b.at(-20),
		}}
	}
	given := record{"condition": nil, "update": nil}
	var condition *v1alpha1.BackupCondition
	if b.chance(80) {
		condition = b.anyCondition(status)
		if object.Spec.Mode == v1alpha1.BackupModeLog && b.chance(90) {
			condition.Command = mostly(b.dice, 4, one(b.dice, commands...), v1alpha1.LogUnknownCommand)
			condition.Type = mostly(b.dice, 20, one(b.dice, subPhases[:7]...), phases...)
		}
		given["condition"] = generic(condition, b.now)
	}
	var wanted *update
	if b.chance(70) {
		wanted = b.anyUpdate(status)
		given["update"] = generic(wanted, b.now)
	}
	object = copied(object)
	given["backup"] = wholeBackup(object, b.now)
	changed := updateStatus(object, condition, wanted.status())
	return "updated", given, record{"value": record{"changed": changed, "status": generic(object.Status, b.now)}}
}
