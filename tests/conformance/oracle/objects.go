package main

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb-operator/pkg/apis/label"
	"github.com/pingcap/tidb-operator/pkg/apis/pingcap/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	finalizer    = label.BackupProtectionFinalizer
	backupUID    = types.UID("11111111-2222-3333-4444-555555555555")
	strangerUID  = types.UID("99999999-8888-7777-6666-555555555555")
	goodImage    = "pingcap/tikv:v7.5.0"
	mountPath    = "/backup" // what vectors say instead of the directory that a Local storage really has
	trueCond     = corev1.ConditionTrue
	falseCond    = corev1.ConditionFalse
	unknownCond  = corev1.ConditionUnknown
	startTSO     = "446000000000000000"
	earlierTSO   = "445000000000000000"
	laterTSO     = "447000000000000000"
	startAsText  = "2023-12-02 11:35:34"
	laterAsText  = "2024-01-15 14:49:24"
	laterRFC3339 = "2024-01-15T14:49:24Z"
)

// builder makes objects that are legal, each with at most few defects, around the second now.
type builder struct {
	dice
	clock
}

// newBackup is an object without a status whose spec passes the validation, unless a defect was thrown.
func (b builder) newBackup(mode v1alpha1.BackupMode) *v1alpha1.Backup {
	object := &v1alpha1.Backup{
		TypeMeta: metav1.TypeMeta{APIVersion: "pingcap.com/v1alpha1", Kind: "Backup"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "tidb", Name: mostly(b.dice, 20, "demo", "nightly-1"), UID: backupUID,
			ResourceVersion: "100", Generation: 1, CreationTimestamp: b.at(-86400),
		},
	}
	spec := &object.Spec
	spec.Mode = mode
	spec.BR = &v1alpha1.BRConfig{Cluster: "basic", ClusterNamespace: mostly(b.dice, 15, "", "other", "tidb")}
	spec.CleanPolicy = one(b.dice, "", v1alpha1.CleanPolicyTypeRetain, v1alpha1.CleanPolicyTypeRetain,
		v1alpha1.CleanPolicyTypeDelete, v1alpha1.CleanPolicyTypeOnFailure)
	spec.Type = mostly(b.dice, 10, "", v1alpha1.BackupTypeFull)
	spec.VolumeBackupInitJobMaxActiveSeconds = mostly(b.dice, 10, 600, 0, 1800)
	if b.chance(25) {
		spec.From = &v1alpha1.TiDBAccessConfig{Host: "basic-tidb", Port: 4000, User: "root", SecretName: "backup-secret"}
	}
	b.setStorage(spec)
	b.setPolicy(&spec.BackoffRetryPolicy)
	if spec.CleanPolicy != v1alpha1.CleanPolicyTypeRetain && b.chance(50) {
		object.Finalizers = []string{finalizer}
	}
	if b.chance(5) {
		object.Finalizers = append([]string{"example.com/keep"}, object.Finalizers...)
	}
	if b.chance(8) {
		b.spoil(object)
	}
	return object
}

func (b builder) setStorage(spec *v1alpha1.BackupSpec) {
	b.choose(
		weighted{50, func() {
			spec.S3 = &v1alpha1.S3StorageProvider{
				Provider: one(b.dice, v1alpha1.S3StorageProviderTypeAWS, v1alpha1.S3StorageProviderTypeCeph, "minio"),
				Region:   "us-west-2", Bucket: "bucket", Prefix: "full",
				SecretName: mostly(b.dice, 40, "", "s3-secret"),
				Endpoint:   mostly(b.dice, 30, "", "http://minio:9000", "https://s3.example.com"),
			}
		}},
		weighted{15, func() {
			spec.Gcs = &v1alpha1.GcsStorageProvider{
				ProjectId: "project", Bucket: "bucket", Prefix: "full", SecretName: mostly(b.dice, 50, "", "gcs-secret"),
			}
		}},
		weighted{15, func() {
			spec.Azblob = &v1alpha1.AzblobStorageProvider{
				Container: "container", Prefix: "full", SecretName: mostly(b.dice, 5, "azblob-secret", ""),
				StorageAccount: mostly(b.dice, 30, "account", ""), SasToken: mostly(b.dice, 20, "", "sas"),
			}
		}},
		weighted{15, func() { b.setLocal(spec) }},
		weighted{3, func() {}},
	)
}

func (b builder) setLocal(spec *v1alpha1.BackupSpec) {
	spec.Local = &v1alpha1.LocalStorageProvider{
		Volume:      corev1.Volume{Name: "local"},
		VolumeMount: corev1.VolumeMount{Name: "local", MountPath: mountPath},
	}
}

var durations = []string{
	"", "0", "0s", "1s", "300s", "5m", "10m", "1h30m", "-1s", "-1500ms", "500ms", "-500ms", "2540400h", "garbage", "1d",
	"300", " 5m", "+5m", ".5m", "1.5h", "9223372036854775807ns", "2562048h", "1us", "1h1h", "5m ",
}

// wholeDurations have no parts of a second, however often they are doubled in a vector.
var wholeDurations = []string{"", "0", "1s", "300s", "10m", "-1s", "garbage", "1d", " 5m", "+5m", "1h1h"}

func (b builder) setPolicy(policy *v1alpha1.BackoffRetryPolicy) {
	if b.chance(65) {
		*policy = v1alpha1.BackoffRetryPolicy{MinRetryDuration: "300s", MaxRetryTimes: 2, RetryTimeout: "30m"}
		return
	}
	policy.MinRetryDuration = mostly(b.dice, 45, "300s", durations...)
	policy.RetryTimeout = mostly(b.dice, 40, "30m", durations...)
	policy.MaxRetryTimes = one(b.dice, -1, 0, 1, 2, 3, 5)
}

// spoil makes one thing of the spec invalid, or at least odd.
func (b builder) spoil(object *v1alpha1.Backup) {
	spec := &object.Spec
	switch b.IntN(14) {
	case 0:
		spec.BR.Cluster = ""
	case 1:
		spec.Type = one(b.dice, v1alpha1.BackupType("raw"), v1alpha1.BackupTypeDB, v1alpha1.BackupTypeTable)
	case 2:
		spec.Type, spec.BR.DB = v1alpha1.BackupTypeTable, "test"
	case 3:
		spec.Type, spec.BR.DB, spec.BR.Table = v1alpha1.BackupTypeTable, "test", "t1"
	case 4, 5:
		spec.S3 = &v1alpha1.S3StorageProvider{Provider: "minio", Bucket: mostly(b.dice, 30, "bucket", ""),
			Endpoint: one(b.dice, endpoints...)}
	case 6:
		spec.S3, spec.Gcs = nil, &v1alpha1.GcsStorageProvider{ProjectId: one(b.dice, "", "project"), Bucket: ""}
	case 7, 8:
		spec.StorageProvider = v1alpha1.StorageProvider{}
		b.setLocal(spec)
		switch b.IntN(3) {
		case 0:
			spec.Local.VolumeMount.Name = "another"
		case 1:
			spec.Local.VolumeMount.MountPath = ""
		case 2:
			spec.Local.VolumeMount.MountPath = "/a:b"
		}
	case 9:
		spec.BackoffRetryPolicy.MinRetryDuration = one(b.dice, durations...)
	case 10:
		spec.BackoffRetryPolicy.RetryTimeout = one(b.dice, durations...)
	case 11:
		spec.From = &v1alpha1.TiDBAccessConfig{Host: one(b.dice, "", "basic-tidb"), SecretName: ""}
	case 12:
		spec.Mode = one(b.dice, v1alpha1.BackupMode(""), "weird")
	case 13:
		spec.StorageProvider = v1alpha1.StorageProvider{}
	}
}

var endpoints = []string{
	"", "10.0.0.1:9000", "minio:9000", "http://", "http:///path", "//minio", "minio", "http://minio:port", "http://[::1]:9000",
	"http://minio:9000/%zz", "https://s3.example.com/", "ftp://x", "http://a b", "://x", "HTTP://minio", "http://minio:",
	"http://[fe80::1%25eth0]:9000", "http://[fe80::1%25]", "http://[fe80::1%25e%74h]", "http://[fe80::1%25e%41]", "http://[::1",
	"http://[::1]x", "http://[nonsense]:1", "http://[nonsense]", "http://[1.2.3.4]:5", "http://x[::1]", "http://u:p@minio:9000", "http://u s@minio", "http://u%zz@minio",
	"http://minio:1:2", "http://m%41", "http://m%e4", "http://m%25", "mailto:x", "a/b:c", "a:b/c", "/path", "x%zz", "minio/#%zz",
	"http://minio/?a=%zz", "1http://minio",
}

// makeExport turns the Backup into one that Dumpling does.
func (b builder) makeExport(object *v1alpha1.Backup) {
	object.Spec.BR = nil
	object.Spec.From = &v1alpha1.TiDBAccessConfig{
		Host: mostly(b.dice, 5, "basic-tidb", ""), Port: one[int32](b.dice, 4000, 4001), User: "root",
		SecretName: mostly(b.dice, 5, "backup-secret", ""),
	}
	if b.chance(5) {
		object.Spec.From = nil
	}
	object.Spec.StorageSize = mostly(b.dice, 20, "10Gi", "", "1Ti", "ten", "100Gi", "10G")
	if b.chance(15) {
		tls := "tls-secret"
		if object.Spec.From != nil {
			object.Spec.From.TLSClientSecretName = &tls
		}
	}
}

// secretsFor are the secrets that the Backup names, mostly.
func (b builder) secretsFor(object *v1alpha1.Backup) []secret {
	var secrets []secret
	add := func(name string, keys ...string) {
		if name == "" || b.chance(8) {
			return
		}
		if b.chance(10) {
			keys = keys[:b.IntN(len(keys))]
		}
		secrets = append(secrets, secret{object.Namespace, name, sorted(keys)})
	}
	if object.Spec.From != nil {
		add(object.Spec.From.SecretName, "password")
	}
	if object.Spec.S3 != nil {
		add(object.Spec.S3.SecretName, "access_key", "secret_key")
	}
	if object.Spec.Gcs != nil {
		add(object.Spec.Gcs.SecretName, "credentials")
	}
	if object.Spec.Azblob != nil {
		keys := one(b.dice, []string{"AZURE_STORAGE_KEY"}, []string{"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"})
		if b.chance(60) {
			keys = append(keys, "AZURE_STORAGE_ACCOUNT")
		}
		add(object.Spec.Azblob.SecretName, keys...)
	}
	return secrets
}

// clustersFor are the TidbClusters that the Backup names, mostly.
func (b builder) clustersFor(object *v1alpha1.Backup) []cluster {
	br := object.Spec.BR
	if br == nil || b.chance(5) {
		return nil
	}
	namespace := br.ClusterNamespace
	if namespace == "" {
		namespace = object.Namespace
	}
	return []cluster{{
		Namespace: namespace, Name: mostly(b.dice, 2, "basic", "another"), Ready: b.chance(92),
		TikvImage: mostly(b.dice, 15, goodImage, images...), HasTikv: !b.chance(6), TLS: b.chance(10),
		AcrossK8s: object.Spec.Mode == v1alpha1.BackupModeVolumeSnapshot && b.chance(92),
	}}
}

var images = []string{
	"pingcap/tikv:v4.0.7", "pingcap/tikv:v4.0.8", "pingcap/tikv:v4.0.8-alpha", "pingcap/tikv:v6.0.0", "pingcap/tikv:v6.1.0",
	"pingcap/tikv:v6.1.0-alpha", "pingcap/tikv:nightly", "pingcap/tikv", "registry:5000/tikv", "pingcap/tikv:v6", "pingcap/tikv:6.0",
	"pingcap/tikv:3.1", "pingcap/tikv:v4.0.8-0", "pingcap/tikv:v7.5.0+build", "pingcap/tikv:latest", "",
}

// condition is one that was set some seconds ago.
func (b builder) condition(kind v1alpha1.BackupConditionType, status corev1.ConditionStatus, seconds int) v1alpha1.BackupCondition {
	condition := v1alpha1.BackupCondition{Type: kind, Status: status, LastTransitionTime: b.at(seconds)}
	switch kind {
	case v1alpha1.BackupFailed:
		condition.Reason, condition.Message = "BackupDataToRemoteFailed", "exit status 1"
	case v1alpha1.BackupRetryTheFailed:
		condition.Reason = one(b.dice, "RetryFailedBackup", "CreateBackupJobFailed", "GetS3SecretFailed")
		condition.Message = "reason R, original reason O"
	case v1alpha1.BackupInvalid:
		condition.Reason, condition.Message = "InvalidSpec", "bucket should be configured"
	}
	return condition
}

// history gives the status conditions that were set one after another; the last but Restart is the phase.
func (b builder) history(status *v1alpha1.BackupStatus, kinds ...v1alpha1.BackupConditionType) {
	for i, kind := range kinds {
		seconds := -60*(len(kinds)-i) - b.IntN(50)
		condition := b.condition(kind, trueCond, seconds)
		if at := slices.IndexFunc(status.Conditions, func(c v1alpha1.BackupCondition) bool { return c.Type == kind }); at >= 0 {
			status.Conditions[at] = condition
		} else {
			status.Conditions = append(status.Conditions, condition)
		}
		if kind != v1alpha1.BackupRestart {
			status.Phase = kind
		}
	}
}

var phases = []v1alpha1.BackupConditionType{
	v1alpha1.BackupScheduled, v1alpha1.BackupPrepare, v1alpha1.BackupRunning, v1alpha1.BackupComplete, v1alpha1.BackupFailed,
	v1alpha1.BackupRetryTheFailed, v1alpha1.BackupInvalid, v1alpha1.BackupRestart, v1alpha1.BackupPaused, v1alpha1.BackupStopped,
	v1alpha1.BackupClean, v1alpha1.BackupCleanFailed, v1alpha1.VolumeBackupInitialized, v1alpha1.VolumeBackupInitializeFailed,
	v1alpha1.VolumeBackupSnapshotsCreated, v1alpha1.VolumeBackupInitializeComplete, v1alpha1.VolumeBackupComplete,
	v1alpha1.VolumeBackupFailed,
}

// mixture is a status that contradicts itself.
func (b builder) mixture(status *v1alpha1.BackupStatus, among []v1alpha1.BackupConditionType) {
	for range b.IntN(5) {
		kind := one(b.dice, among...)
		if !slices.ContainsFunc(status.Conditions, func(c v1alpha1.BackupCondition) bool { return c.Type == kind }) || b.chance(5) {
			status.Conditions = append(status.Conditions,
				b.condition(kind, mostly(b.dice, 15, trueCond, falseCond, unknownCond), -b.IntN(7200)))
		}
	}
	if b.chance(85) {
		status.Phase = one(b.dice, among...)
	}
}

// newJob is a Job of the Backup that runs.
func (b builder) newJob(object *v1alpha1.Backup, name string) *batchv1.Job {
	yes := true
	owner := metav1.OwnerReference{
		APIVersion: "pingcap.com/v1alpha1", Kind: "Backup", Name: object.Name, UID: object.UID,
		Controller: &yes, BlockOwnerDeletion: &yes,
	}
	job := &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: object.Namespace, Name: name, UID: types.UID("job-" + name), ResourceVersion: "90",
			CreationTimestamp: b.at(-600), OwnerReferences: []metav1.OwnerReference{owner},
		},
	}
	if b.chance(8) {
		job.OwnerReferences[0].UID = strangerUID
	}
	return job
}

var jobFailures = []string{"BackoffLimitExceeded", "DeadlineExceeded", ""}

// end gives the Job a condition.
func (b builder) end(job *batchv1.Job, kind batchv1.JobConditionType, status corev1.ConditionStatus) {
	condition := batchv1.JobCondition{Type: kind, Status: status, LastTransitionTime: b.at(-b.IntN(90)), LastProbeTime: b.at(-1)}
	if kind == batchv1.JobFailed {
		condition.Reason, condition.Message = one(b.dice, jobFailures...), "Job has reached the specified backoff limit"
	}
	job.Status.Conditions = append(job.Status.Conditions, condition)
}

// anyJob is a Job in any condition, often the usual one.
func (b builder) anyJob(object *v1alpha1.Backup, name string, failed int) *batchv1.Job {
	job := b.newJob(object, name)
	b.choose(
		weighted{failed, func() { b.end(job, batchv1.JobFailed, trueCond) }},
		weighted{35, func() {}},
		weighted{10, func() { b.end(job, batchv1.JobComplete, trueCond) }},
		weighted{3, func() { b.end(job, batchv1.JobFailed, falseCond) }},
		weighted{2, func() { b.end(job, batchv1.JobComplete, unknownCond) }},
		weighted{2, func() { b.end(job, batchv1.JobSuspended, trueCond) }},
		weighted{3, func() {
			b.end(job, batchv1.JobFailed, falseCond)
			b.end(job, batchv1.JobFailed, trueCond)
		}},
	)
	if b.chance(10) {
		job.DeletionTimestamp = b.ref(-b.IntN(60))
		job.Finalizers = []string{metav1.FinalizerDeleteDependents}
	}
	return job
}

func jobName(object *v1alpha1.Backup, suffix string) string {
	return fmt.Sprintf("backup-%s%s", object.Name, suffix)
}
