/* The only file of csrc that knows of threads; no kernel does. */
#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

enum { MOST_THREADS = 4096, CACHE_LINE = 64 }; /* as many as set_num_threads allows */

/* A waiting thread looks so often for news before it sleeps, or lets others run: about 100 us.
 * Between two operations of a model lie a few microseconds, between two steps some tens; waking
 * a thread that sleeps costs the caller 5 us and the thread itself 30 to 50. */
enum { PATIENCE = 4000 };

struct share {
    _Alignas(CACHE_LINE) atomic_ptrdiff_t next; /* the number of the claim that comes next */
    ptrdiff_t first, last;
};

/* The job on offer.  A worker counts itself `inside` before it looks at `offer`, and the caller
 * withdraws the offer and waits until nobody is inside before it changes a job: so a job stands
 * still under every worker that found it on offer. */
static struct cnn_job job;
static struct share shares[MOST_THREADS];
static _Alignas(CACHE_LINE) atomic_uint offer; /* the number of the job, 0 for none */
static _Alignas(CACHE_LINE) atomic_int inside;
static atomic_int came; /* threads that took part in the job */

static atomic_int sleepers;
static pthread_mutex_t bed = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t alarm_clock = PTHREAD_COND_INITIALIZER;

static pthread_mutex_t in_use = PTHREAD_MUTEX_INITIALIZER; /* held by the caller of a job */
static int workers;
static unsigned number;
static atomic_int patience = PATIENCE;

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The tile of claim number `claim`, from first..last-1, of a share of these tiles. */
static ptrdiff_t tile_of(const struct cnn_job *a, ptrdiff_t claim, ptrdiff_t first, ptrdiff_t last)
{
    return a->backwards ? first + last - 1 - claim : claim;
}

/* Run the tiles that are left of a share. */
static void drain(struct share *share, char *scratch)
{
    /* Looking first costs less than taking, where all is taken already. */
    while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->last) {
        const ptrdiff_t claim = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed);
        if (claim < share->last)
            job.kernel(job.args, tile_of(&job, claim, share->first, share->last), scratch);
    }
}

static void take_part(int rank)
{
    char *scratch = job.scratch + (size_t)rank * job.stride;
    atomic_fetch_add(&came, 1);
    drain(&shares[rank], scratch);
    for (int other = 1; other < job.threads && !job.even; other++)
        drain(&shares[(rank + other) % job.threads], scratch);
}

static int is_news(unsigned seen)
{
    const unsigned now = atomic_load(&offer);
    return now != 0 && now != seen;
}

static void wait_for_news(unsigned seen)
{
    for (int i = 0; i < atomic_load_explicit(&patience, memory_order_relaxed); i++) {
        if (is_news(seen))
            return;
        pause_a_little();
    }
    pthread_mutex_lock(&bed);
    atomic_fetch_add(&sleepers, 1);
    while (!is_news(seen))
        pthread_cond_wait(&alarm_clock, &bed);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&bed);
}

static void *work(void *rank)
{
    for (unsigned seen = 0;;) {
        wait_for_news(seen);
        atomic_fetch_add(&inside, 1);
        const unsigned now = atomic_load(&offer);
        if (now != 0 && now != seen) {
            seen = now;
            if ((int)(ptrdiff_t)rank < job.threads)
                take_part((int)(ptrdiff_t)rank);
        }
        atomic_fetch_sub(&inside, 1);
    }
    return NULL;
}

/* Start workers until there are `wanted`; return how many there are. */
static int hire(int wanted)
{
    sigset_t all, before;
    pthread_attr_t detached;
    if (workers >= wanted)
        return workers;
    sigfillset(&all); /* signals are for the threads of the program */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; workers < wanted; workers++)
        if (pthread_create(&thread, &detached, work, (void *)(ptrdiff_t)(workers + 1)) != 0)
            break;
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return workers;
}

int cnn_run_alone(const struct cnn_job *a)
{
    for (ptrdiff_t claim = a->first; claim < a->last; claim++)
        a->kernel(a->args, tile_of(a, claim, a->first, a->last), a->scratch);
    return 1;
}

static void post(const struct cnn_job *a, int threads)
{
    const ptrdiff_t count = a->last - a->first;
    job = *a;
    job.threads = threads;
    for (int i = 0; i < threads; i++) {
        shares[i].first = a->first + count * i / threads;
        atomic_store_explicit(&shares[i].next, shares[i].first, memory_order_relaxed);
        shares[i].last = a->first + count * (i + 1) / threads;
    }
    atomic_store(&came, 0);
    number += number + 1 == 0 ? 2 : 1; /* never 0 */
    atomic_store(&offer, number);
    if (atomic_load(&sleepers) > 0) {
        pthread_mutex_lock(&bed);
        pthread_cond_broadcast(&alarm_clock);
        pthread_mutex_unlock(&bed);
    }
}

/* Wait while *count is less than `low` or more than `high`. */
static void wait_for(atomic_int *count, int low, int high)
{
    int left = atomic_load_explicit(&patience, memory_order_relaxed);
    while (atomic_load(count) < low || atomic_load(count) > high)
        if (left > 0) {
            left--;
            pause_a_little();
        } else
            sched_yield();
}

int cnn_team_run(const struct cnn_job *a)
{
    const int wanted = a->threads < MOST_THREADS ? a->threads : MOST_THREADS;
    if (wanted < 2 || pthread_mutex_trylock(&in_use) != 0)
        return cnn_run_alone(a);
    const int hired = 1 + hire(wanted - 1);
    const int threads = hired < wanted ? hired : wanted;
    atomic_store(&patience, a->oversubscribed ? 0 : PATIENCE);
    post(a, threads);
    take_part(0);
    if (a->even)
        wait_for(&came, threads, threads);
    atomic_store(&offer, 0);
    wait_for(&inside, 0, 0);
    const int took_part = atomic_load(&came);
    pthread_mutex_unlock(&in_use);
    return took_part;
}
