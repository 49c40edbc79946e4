/* The world of benchmarks/snapshot_world.py, written by hand for SPIN as fast as it gets: one process, the state in bits,
 * every step a d_step. A test holds its counts and verdicts to those of the world.
 *
 * -DN -DCMAX -DMAXR -DCRASH give its size, -DADOPTS and -DBLIND its mutants; all with spin -a -o2.
 * -DSAFE brings the never claim `safe`, -DLIVE=i the never claim `live`: backup i comes to its end. With -DLIVE, who is
 * fair is a process of its own, as SPIN's weak fairness (-f) is of processes. Here that forces a crash, too, which costs
 * SPIN half of what it would cost to let the crash also stay away (an option to pass its turn).
 */
#ifndef N
#define N 2
#endif
#ifndef CMAX
#define CMAX 3
#endif
#ifndef MAXR
#define MAXR 2
#endif
#ifndef CRASH
#define CRASH 1
#endif

/* phases, as the controller and the pod write them */
#define NEW 0
#define SCHEDULED 1
#define RUNNING 2
#define FAILED 3
#define WAITING 4
#define RETRYING 5
#define COMPLETE 6
#define EXHAUSTED 7
/* Jobs */
#define NO_JOB 0
#define ACTIVE 1
#define JOB_FAILED 2
#define JOB_DONE 3
#define DELETING 4
/* pods */
#define NO_POD 0
#define POD_RUNS 1
#define POD_OK 2
#define POD_FAILED 3

typedef Backup {
  unsigned phase : 3;
  unsigned retries : 2;
  unsigned job : 3;
  unsigned pod : 2;
  unsigned due : 4;
  unsigned cached : 3
};
Backup b[N];
unsigned now : 4;
unsigned up : 1 = 1;
unsigned crashes : 2 = CRASH;
unsigned worker : 3; /* 0: idle, else the backup's number + 1 */
unsigned seen : 3;   /* the phase that the worker read; 0 while it is idle */

#ifdef ADOPTS
#define FREE(i) (1)
#else
#define FREE(i) (b[i].job != DELETING)
#endif
#ifdef BLIND
#define CURRENT(i) (1)
#else
#define CURRENT(i) (b[i].phase == seen)
#endif

#define IDLE (up && worker == 0)
#define BUSY(i) (up && worker == i + 1)
#define BEGIN(i) worker = i + 1; seen = b[i].cached
#define END worker = 0; seen = 0
#define LEVEL(i) b[i].cached = b[i].phase /* a write leaves the cache one behind */
#define SOONEST(i) (now + (1 << b[i].retries))

#define POD(i) \
  :: d_step { b[i].job == ACTIVE && b[i].pod == NO_POD -> b[i].pod = POD_RUNS } \
  :: d_step { b[i].pod == POD_RUNS && (b[i].phase == NEW || b[i].phase == SCHEDULED || b[i].phase == RETRYING) -> \
       LEVEL(i); b[i].phase = RUNNING } \
  :: d_step { b[i].pod == POD_RUNS && b[i].phase == RUNNING -> LEVEL(i); b[i].phase = COMPLETE } \
  :: d_step { b[i].pod == POD_RUNS && b[i].phase == COMPLETE -> b[i].pod = POD_OK } \
  :: d_step { b[i].pod == POD_RUNS -> b[i].pod = POD_FAILED }

#define JOB(i) \
  :: d_step { b[i].job == ACTIVE && b[i].pod == POD_OK -> b[i].job = JOB_DONE } \
  :: d_step { b[i].job == ACTIVE && b[i].pod == POD_FAILED -> b[i].job = JOB_FAILED } \
  :: d_step { b[i].job == DELETING -> b[i].job = NO_JOB; b[i].pod = NO_POD }

#define CACHE(i) \
  :: d_step { b[i].cached != b[i].phase -> LEVEL(i) }

#define CONTROLLER(i) \
  :: d_step { IDLE && (b[i].cached == NEW || b[i].cached == RETRYING) && FREE(i) -> BEGIN(i); \
       b[i].job = (b[i].job == NO_JOB -> ACTIVE : b[i].job) } \
  :: d_step { IDLE && (b[i].cached == SCHEDULED || b[i].cached == RUNNING) && b[i].job == JOB_FAILED -> BEGIN(i) } \
  :: d_step { IDLE && b[i].cached == FAILED -> BEGIN(i) } \
  :: d_step { IDLE && b[i].cached == WAITING && now >= b[i].due -> BEGIN(i); \
       b[i].job = (b[i].job == NO_JOB -> NO_JOB : DELETING) } \
  :: d_step { BUSY(i) && CURRENT(i) -> \
       LEVEL(i); \
       if \
       :: seen == NEW || seen == RETRYING -> b[i].phase = SCHEDULED \
       :: seen == SCHEDULED || seen == RUNNING -> b[i].phase = FAILED \
       :: seen == FAILED && b[i].retries < MAXR -> \
            b[i].phase = WAITING; b[i].due = (SOONEST(i) > CMAX -> CMAX : SOONEST(i)) \
       :: seen == FAILED && b[i].retries >= MAXR -> b[i].phase = EXHAUSTED \
       :: seen == WAITING -> \
            b[i].phase = RETRYING; b[i].due = 0; b[i].retries = (b[i].retries < 3 -> b[i].retries + 1 : 3) \
       fi; \
       END } \
  :: d_step { BUSY(i) && !CURRENT(i) -> END }

#define CLOCK :: d_step { now < CMAX -> now = now + 1 }
#define DIE :: d_step { up && crashes > 0 -> up = 0; crashes = crashes - 1; END }

#if N == 1
#define EACH(what) what(0)
#define RELIST LEVEL(0)
#elif N == 2
#define EACH(what) what(0) what(1)
#define RELIST LEVEL(0); LEVEL(1)
#else
#define EACH(what) what(0) what(1) what(2)
#define RELIST LEVEL(0); LEVEL(1); LEVEL(2)
#endif
#define RESTART :: d_step { !up -> up = 1; RELIST }

#ifdef LIVE

proctype Pod(byte i) { end: do POD(i) od }
proctype Job(byte i) { end: do JOB(i) od }
proctype Cache(byte i) { end: do CACHE(i) od }
proctype Controller(byte i) { end: do CONTROLLER(i) od }
active proctype Clock() { end: do CLOCK od }
active proctype Restart() { end: do RESTART od }
active proctype Crash() { end: do DIE od }
#define RUN(i) run Pod(i); run Job(i); run Cache(i); run Controller(i);
init { atomic { EACH(RUN) } }

#define ENDED(i) (b[i].phase == COMPLETE || b[i].phase == EXHAUSTED)
never live { accept: do :: !ENDED(LIVE) od }

#else

active proctype World() {
end: do
  EACH(POD)
  EACH(JOB)
  EACH(CACHE)
  EACH(CONTROLLER)
  CLOCK
  DIE
  RESTART
  od
}

#ifdef SAFE
#define BAD(i) || b[i].retries > MAXR || (b[i].job == JOB_DONE && b[i].phase != COMPLETE) \
  || (b[i].pod == POD_RUNS && (b[i].phase == FAILED || b[i].phase == WAITING || b[i].phase == EXHAUSTED))
never safe { do :: (false EACH(BAD)) -> break :: else od }
#endif

#endif
