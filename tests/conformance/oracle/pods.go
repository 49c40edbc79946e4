package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	kvbackup "github.com/pingcap/kvproto/pkg/brpb"
	backupprogram "github.com/pingcap/tidb-operator/cmd/backup-manager/app/backup"
	cleanprogram "github.com/pingcap/tidb-operator/cmd/backup-manager/app/clean"
	programutil "github.com/pingcap/tidb-operator/cmd/backup-manager/app/util"
	listers "github.com/pingcap/tidb-operator/pkg/client/listers/pingcap/v1alpha1"
	"github.com/pingcap/tidb-operator/pkg/controller"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// brBinPath is where the program looks for br. Its own tests set it too.
//
//go:linkname brBinPath github.com/pingcap/tidb-operator/cmd/backup-manager/app/backup.brBinPath
var brBinPath string

// brBinPaths keeps programs that run at once from finding each other's br.
var brBinPaths sync.Mutex

// pod is a call of the program in a Job's pod, and what its steps outside Kubernetes shall come to.
type pod struct {
	program       string // backup or clean
	mode          string
	command       string
	initialize    bool
	truncateUntil string
	tikvVersion   string
	clientTLS     bool // with spec.from: the certificates are missing, so the connection fails at once

	brFails  bool
	prints   string               // what br says
	metadata *kvbackup.BackupMeta // what br leaves in the storage; nil: nothing
}

// args are the program's arguments, as a Job's container has them.
func (p *pod) args(of key) []string {
	args := []string{p.program, "--namespace=" + of.namespace, "--backupName=" + of.name}
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag+"="+value)
		}
	}
	add("--tikvVersion", p.tikvVersion)
	add("--mode", p.mode)
	add("--subcommand", p.command)
	add("--truncate-until", p.truncateUntil)
	if p.initialize {
		args = append(args, "--initialize=true")
	}
	return args
}

// runPod runs the program to its end, and says how its steps went. The informer is never late.
func (w *world) runPod(p *pod, said record) (result, message string) {
	directory, err := os.MkdirTemp("", "oracle-br-")
	must(err)
	defer os.RemoveAll(directory)
	p.installBr(directory, w.mount)
	w.calls.follow(func() { w.refresh([]string{"backup"}) })
	defer w.calls.follow(nil)
	updater := controller.NewRealBackupConditionUpdater(w.cli, w.lister(), silence{})
	var failed error
	result, message = recovered(func() { failed = p.run(w.key, w.lister(), updater, directory) })
	if failed != nil {
		result = "error"
	}
	said["args"], said["steps"] = p.args(w.key), w.steps(p, failed)
	return result, message
}

func (w *world) lister() listers.BackupLister { return listers.NewBackupLister(w.caches.backups) }

func (p *pod) run(of key, lister listers.BackupLister, updater controller.BackupConditionUpdaterInterface, br string) error {
	if p.program == "clean" {
		options := cleanprogram.Options{Namespace: of.namespace, BackupName: of.name}
		return cleanprogram.NewManager(lister, updater, options).ProcessCleanBackup()
	}
	brBinPaths.Lock()
	defer brBinPaths.Unlock()
	brBinPath = br
	version := p.tikvVersion
	if version == "" {
		version = "4.0" // the flag's default
	}
	options := backupprogram.Options{GenericOptions: programutil.GenericOptions{
		Namespace: of.namespace, ResourceName: of.name, TiKVVersion: version, Mode: p.mode, SubCommand: p.command,
		Initialize: p.initialize, TruncateUntil: p.truncateUntil, TLSClient: p.clientTLS,
	}}
	return backupprogram.NewManager(lister, updater, options).ProcessBackup()
}

// installBr makes a program that says, leaves behind and ends as it shall.
func (p *pod) installBr(directory, mount string) {
	code := 0
	if p.brFails {
		code = 1
	}
	script := fmt.Sprintf("#!/bin/sh\nprintf '%s'\n", p.prints)
	if p.metadata != nil && mount != "" {
		data, err := p.metadata.Marshal()
		must(err)
		kept := filepath.Join(directory, "meta")
		must(os.WriteFile(kept, data, 0o600))
		script += fmt.Sprintf("cp '%s' '%s'\n", kept, filepath.Join(mount, "backupmeta"))
	}
	script += fmt.Sprintf("exit %d\n", code)
	must(os.WriteFile(filepath.Join(directory, "br"), []byte(script), 0o700))
}

// steps says how the steps went. A step that failed is the first of the errors that the program returns together, and which
// one it was stands with that text in the status.
func (w *world) steps(p *pod, failed error) record {
	steps := record{}
	var together utilerrors.Aggregate
	if errors.As(failed, &together) {
		text := together.Errors()[0].Error()
		if step := p.stepOf(w.reasonOf(text, p)); step != "" {
			steps[step] = record{"error": text}
		}
	}
	if failed != nil && strings.Contains(failed.Error(), "clean snapshot backup") {
		steps["clean data"] = record{"error": failed.Error()}
	}
	if _, unread := steps["read metadata"]; p.metadata != nil && !unread {
		steps["read metadata"] = record{"metadata": record{
			"startVersion": p.metadata.StartVersion, "endVersion": p.metadata.EndVersion,
			"size": programutil.GetBRArchiveSize(p.metadata),
		}}
	}
	if p.mode == "volume-snapshot" && !p.initialize {
		steps["volume size"] = record{"error": "no volumes"}
	}
	return steps
}

// reasonOf is the reason of the condition of this program that has the message, in what it sent or in what is there.
func (w *world) reasonOf(message string, p *pod) string {
	statuses := []any{}
	for _, each := range w.calls.sofar() {
		statuses = append(statuses, each["status"])
	}
	if object := w.caches.backup(w.key); object != nil {
		statuses = append(statuses, backupRecord(object, w.now)["status"])
	}
	for _, each := range statuses {
		whole, _ := each.(map[string]any)
		subs, _ := whole["logSubCommandStatuses"].(map[string]any)
		sub, _ := subs[p.command].(map[string]any) // of a Backup that is being deleted the whole status has it
		for _, status := range []map[string]any{sub, whole} {
			conditions, _ := status["conditions"].([]any)
			for _, each := range conditions {
				condition := each.(map[string]any)
				reason, _ := condition["reason"].(string)
				if step := p.stepOf(reason); condition["message"] == message && p.isOwn(step) {
					return reason
				}
			}
		}
	}
	return ""
}

// isOwn says whether the program has this step, rather than one of another command.
func (p *pod) isOwn(step string) bool {
	return step != "" && (p.mode != "log" || step == "read metadata" || step == "br "+p.command)
}

// stepOf is the step of this program that is reported with that reason; of a write, and of a storage that it does not know,
// there is none.
func (p *pod) stepOf(reason string) string {
	hold := "hold"
	if !p.holds() {
		hold = "pause GC and schedulers"
	}
	return map[string]string{
		"BackupDataToRemoteFailed":     "br",
		"CleanBackupDataFailed":        "clean data",
		"ConnectTidbFailed":            "connect",
		"GetBackupMetadataFailed":      "read metadata",
		"GetLogBackupMetadataFailed":   "read metadata",
		"InitializeVolumeBackupFailed": hold,
		"PauseLogBackupFailed":         "br log-pause",
		"ResumeLogBackuFailed":         "br log-resume",
		"StartLogBackupFailed":         "br log-start",
		"StopLogBackupFailed":          "br log-stop",
		"TruncateLogBackuFailed":       "br log-truncate",
	}[reason]
}

// holds says whether br reports that GC and schedulers are held.
func (p *pod) holds() bool {
	return strings.Contains(p.prints, "GC is paused") && strings.Contains(p.prints, "Schedulers are paused")
}

// podSituation is about the program in a Job's pod, with a Local storage.
func podSituation(b builder) *situation {
	kind := one(b.dice, "snapshot", "snapshot", "snapshot", "log", "log", "log", "volume", "clean")
	object, p := b.podBackup(kind)
	object.Spec.StorageProvider.S3, object.Spec.StorageProvider.Gcs, object.Spec.StorageProvider.Azblob = nil, nil, nil
	b.setLocal(&object.Spec)
	if b.chance(4) {
		object.Spec.Local = nil
	}
	if b.chance(5) && object.Spec.Local != nil {
		object.Spec.Local.VolumeMount.MountPath = "/nowhere"
	}
	if b.chance(4) && kind != "clean" {
		object.Spec.BR = nil
	}
	object.Spec.From = nil
	if b.chance(12) && kind != "clean" && object.Spec.BR != nil {
		b.setFrom(object)
		p.clientTLS = true
	}
	s := b.newSituation(object, nil)
	s.server.backup, s.cache.backup, s.local = &maybe{object}, nil, true
	s.end = min(s.end, halfSecond)
	if b.chance(3) {
		s.server.backup = &maybe{}
	}
	run := happening{run: "pod", pod: p, answers: b.podFaults()}
	s.when = []happening{run}
	if b.chance(15) {
		again := *p
		s.when = append(s.when, happening{run: "pod", pod: &again, answers: b.podFaults()})
	}
	return s
}

// podFaults refuse some updates, often all the attempts of one.
func (b builder) podFaults() []fault {
	var faults []fault
	if b.chance(60) {
		return faults
	}
	word := one(b.dice, "conflict", "internal", "timeout")
	first, count := b.between(1, 8), one(b.dice, 1, 1, 2, 4, 5, 5, 5)
	for i := range count {
		faults = append(faults, newFault("update backups", first+i, word, b.chance(10)))
	}
	return faults
}

var tikvVersions = []string{"v6.5.1", "v6.5.0", "6.5.1", "nightly", "", "v4.0.8", "v6.5.1-alpha", "v6", "v8.5.0-pre"}

func sizedMetadata(b builder) *kvbackup.BackupMeta {
	return &kvbackup.BackupMeta{
		StartVersion: one(b.dice, uint64(446000000000000000), 0, 7), EndVersion: one(b.dice, uint64(446100000000000000), 0, 9),
		BackupSize: one(b.dice, uint64(1), 9, 10, 999, 1000, 1049, 1050, 9_949, 9_951, 123_456_789, 1_500_000_000_000),
	}
}

func (b builder) newPod(mode string) *pod {
	p := &pod{
		program: "backup", mode: mode, tikvVersion: mostly(b.dice, 50, "v7.5.0", tikvVersions...),
		brFails: b.chance(25), metadata: sizedMetadata(b),
	}
	if b.chance(8) {
		p.metadata = nil
	}
	if p.brFails {
		p.prints = one(b.dice, "", "[ERROR] [main.go:1] [boom]\\n", "something\\n")
	}
	return p
}

var logCommands = []string{"log-start", "log-stop", "log-pause", "log-resume", "log-truncate", "log-unknown"}

// volumeLines are what br says when it pauses GC and schedulers, in any order and not always to the end. After both every
// line would make the program try again to write what it could not write.
func volumeLines(b builder) string {
	lines := []string{"GC is paused\\n", "Schedulers are paused\\n"}
	b.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return "hello\\n" + strings.Join(lines[:b.between(0, len(lines))], "")
}
