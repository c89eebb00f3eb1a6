/* What libcurl and libjpeg-turbo alone can do: the job of this folder in plain C.
 *
 *     reference URLS head|get THREADS
 *
 * Each thread has a libcurl multi with 8 kept-alive transfers; a finished body is decoded by the same thread: full size,
 * centre square, bilinear, planes of a batch of 32 that is used again and again. No order, no retries, no limits on what a
 * server may send, no verdicts: a floor, not a loader. */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <turbojpeg.h>

enum { SIDE = 256, BATCH = 32, TRANSFERS = 8, MOST_THREADS = 64, MOST_PIXELS = 4096 * 4096 };

static char **urls;
static int url_count, ask_head;
static double begin;
static atomic_int next_url, done, failed;
static _Atomic double first_batch;

typedef struct {
  CURL *easy;
  unsigned char *body;
  size_t size, room;
  int is_head;
} Transfer;

/* What one thread decodes with. */
typedef struct {
  tjhandle jpeg;
  unsigned char *rgb;
  uint8_t *batch;  /* [BATCH, 3, SIDE, SIDE] */
  uint16_t *row;   /* one row between two, times 256 */
  int images;
} Decoder;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *must(void *memory) {
  if (!memory) exit((fprintf(stderr, "reference: out of memory\n"), 1));
  return memory;
}

static size_t receive(char *bytes, size_t size, size_t count, void *to) {
  Transfer *transfer = to;
  if (transfer->size + size * count > transfer->room) {
    transfer->room = 2 * (transfer->size + size * count);
    transfer->body = must(realloc(transfer->body, transfer->room));
  }
  memcpy(transfer->body + transfer->size, bytes, size * count);
  transfer->size += size * count;
  return size * count;
}

/* The place in the source of output pixel `at`: the pixel before, and the weight of the one after (0..256). */
static int place(int at, int edge, unsigned *weight) {
  const float exact = (at + 0.5f) * (float)edge / SIDE - 0.5f;
  const float clamped = exact < 0 ? 0 : exact;
  int before = (int)clamped;
  if (before > edge - 2) before = edge - 2;
  *weight = (unsigned)((clamped - (float)before) * 256);
  return before;
}

/* The centre square of width x height RGB as planes. */
static void to_square(Decoder *decoder, int width, int height, uint8_t *planes) {
  const int edge = width < height ? width : height;
  const unsigned char *square = decoder->rgb + 3 * ((height - edge) / 2 * width + (width - edge) / 2);
  for (int y = 0; y < SIDE; ++y) {
    unsigned lower;
    const unsigned char *upper_row = square + (size_t)place(y, edge, &lower) * 3 * (size_t)width;
    const unsigned char *lower_row = upper_row + 3 * width;
    for (int i = 0; i < 3 * edge; ++i)
      decoder->row[i] = (uint16_t)(upper_row[i] * (256 - lower) + lower_row[i] * lower);
    for (int x = 0; x < SIDE; ++x) {
      unsigned right;
      const uint16_t *pixel = decoder->row + 3 * place(x, edge, &right);
      for (int c = 0; c < 3; ++c)
        planes[(c * SIDE + y) * SIDE + x] = (uint8_t)((pixel[c] * (256 - right) + pixel[c + 3] * right + 32768) >> 16);
    }
  }
}

static int decode(Decoder *decoder, const Transfer *transfer) {
  int width, height, sampling, colours;
  if (tjDecompressHeader3(decoder->jpeg, transfer->body, transfer->size, &width, &height, &sampling, &colours)) return 0;
  if (width < 2 || height < 2 || (long)width * height > MOST_PIXELS) return 0;
  if (tjDecompress2(decoder->jpeg, transfer->body, transfer->size, decoder->rgb, width, 0, height, TJPF_RGB, 0)) return 0;
  to_square(decoder, width, height, decoder->batch + (size_t)(decoder->images++ % BATCH) * 3 * SIDE * SIDE);
  return 1;
}

/* Puts the next url on its way; 0: there is none. */
static int start(CURLM *multi, Transfer *transfer) {
  const int index = atomic_fetch_add(&next_url, 1);
  if (index >= url_count) return 0;
  transfer->size = 0;
  transfer->is_head = ask_head;
  curl_easy_setopt(transfer->easy, CURLOPT_URL, urls[index]);
  if (ask_head) curl_easy_setopt(transfer->easy, CURLOPT_NOBODY, 1L);
  curl_multi_add_handle(multi, transfer->easy);
  return 1;
}

/* One answer came; 0: the thread has a transfer less to wait for. */
static int finish(CURLM *multi, Decoder *decoder, CURL *easy, CURLcode result) {
  Transfer *transfer;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi, easy);
  const int good = result == CURLE_OK && status == 200;
  if (good && transfer->is_head) {
    transfer->is_head = 0;
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_multi_add_handle(multi, easy);
    return 1;
  }
  if (!good || !decode(decoder, transfer)) ++failed;
  if (atomic_fetch_add(&done, 1) == BATCH - 1) first_batch = now() - begin;
  return start(multi, transfer);
}

static Transfer make_transfer(void) {
  Transfer transfer = {.easy = must(curl_easy_init())};
  curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(transfer.easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(transfer.easy, CURLOPT_BUFFERSIZE, 131072L);
  return transfer;
}

static void *run(void *unused) {
  Decoder decoder = {.jpeg = must(tjInitDecompress()), .rgb = must(malloc(3 * MOST_PIXELS)),
                     .batch = must(malloc(BATCH * 3 * SIDE * SIDE)), .row = must(malloc(4096 * 3 * sizeof(uint16_t)))};
  CURLM *multi = must(curl_multi_init());
  Transfer transfers[TRANSFERS];
  int active = 0;
  for (int i = 0; i < TRANSFERS; ++i) {
    transfers[i] = make_transfer();
    curl_easy_setopt(transfers[i].easy, CURLOPT_WRITEDATA, &transfers[i]);
    curl_easy_setopt(transfers[i].easy, CURLOPT_PRIVATE, &transfers[i]);
    active += start(multi, &transfers[i]);
  }
  while (active > 0) {
    int running, left;
    curl_multi_perform(multi, &running);
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    if (!message) curl_multi_poll(multi, NULL, 0, 100, NULL);
    for (; message; message = curl_multi_info_read(multi, &left)) {
      active -= !finish(multi, &decoder, message->easy_handle, message->data.result);
      curl_multi_perform(multi, &running);
    }
  }
  return unused;
}

/* The list, shuffled. */
static void read_urls(const char *path) {
  FILE *file = fopen(path, "r");
  char line[4096];
  if (!file) exit((perror(path), 2));
  for (; fgets(line, sizeof line, file); ++url_count) {
    line[strcspn(line, "\n")] = 0;
    urls = must(realloc(urls, (size_t)(url_count + 1) * sizeof *urls));
    urls[url_count] = must(strdup(line));
  }
  fclose(file);
  srand(1);
  for (int i = url_count - 1; i > 0; --i) {
    const int j = rand() % (i + 1);
    char *other = urls[i];
    urls[i] = urls[j];
    urls[j] = other;
  }
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

int main(int count, char **words) {
  const int threads = count == 4 ? atoi(words[3]) : 0;
  if (threads < 1 || threads > MOST_THREADS) return fprintf(stderr, "reference URLS head|get THREADS\n"), 2;
  read_urls(words[1]);
  ask_head = strcmp(words[2], "head") == 0;
  curl_global_init(CURL_GLOBAL_ALL);
  pthread_t ids[MOST_THREADS];
  begin = now();
  for (int i = 0; i < threads; ++i)
    if (pthread_create(&ids[i], NULL, run, NULL)) return fprintf(stderr, "reference: no thread\n"), 1;
  for (int i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
  printf("{\"delivered\": %d, \"seconds\": %.4f, \"first_batch\": %.4f, \"cpu\": %.4f}\n", done - failed, now() - begin,
         first_batch, cpu_seconds());
  return failed > 0;
}
