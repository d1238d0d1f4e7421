/* A team: the calling thread and its workers, who claim the tiles of one kernel.
 *
 * Each thread has a share of the tiles, next to each other in memory and the same from call
 * to call, so that it finds its data in its own caches.  Who has finished its share takes
 * tiles from the others': a worker that comes late delays nobody, and the calling thread alone
 * would do all of the work.  Waited for is only who is put aside in the middle of a tile.
 */
#ifndef CNN_TEAM_H
#define CNN_TEAM_H

#include "cnn.h"

struct cnn_job {
    cnn_kernel *kernel;
    const void *args;
    ptrdiff_t first, last; /* tiles first..last-1 */
    char *scratch;         /* of the calling thread; worker i's begins at i * stride */
    size_t stride;
    int threads;        /* the calling thread and its workers */
    int even;           /* nobody takes from another's share, and all must come: for tests */
    int oversubscribed; /* more threads than CPUs: waiting threads sleep at once */
    int backwards;      /* each takes the last tile of its share first */
};

/* Run the tiles; return how many threads took part.  Only the calling thread does where
 * another thread's call has the workers, or where none can be started. */
int cnn_team_run(const struct cnn_job *job);

/* The same on the calling thread alone. */
int cnn_run_alone(const struct cnn_job *job);

#endif
