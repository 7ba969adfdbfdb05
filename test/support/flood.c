/*
 * Sends one datagram over and over, from many source addresses, as fast as one core can.
 *
 *   flood DESTINATION PORT FIRST-SOURCE SOURCES PACKETS-PER-SECOND PACKETS PAYLOAD-HEX RANDOM-FROM RANDOM-TO
 *
 * A rate of 0 is no limit; 0 packets are no end: then SIGTERM ends it. Octets RANDOM-FROM to RANDOM-TO of the payload are
 * different in each. Prints how many were sent. IPv4 only; it needs CAP_NET_RAW.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum { BATCH = 64, LARGEST = 1400, HEADERS = 28 };

static volatile sig_atomic_t ended;

static void end(int signal)
{
  (void)signal;
  ended = 1;
}

static uint64_t next_random(uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static double seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  if (argc != 10)
    return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(argv[1])};
  uint16_t port = (uint16_t)atoi(argv[2]);
  uint32_t first = ntohl(inet_addr(argv[3]));
  uint32_t sources = (uint32_t)atoi(argv[4]);
  double rate = atof(argv[5]);
  uint64_t packets = strtoull(argv[6], NULL, 10);
  size_t length = strlen(argv[7]) / 2;
  size_t from = (size_t)atoi(argv[8]), until = (size_t)atoi(argv[9]);
  if (length > LARGEST || until > length)
    return 2;

  signal(SIGTERM, end);
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) {
    perror("socket");
    return 1;
  }
  static unsigned char octets[BATCH][HEADERS + LARGEST];
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    unsigned char *p = octets[i];
    p[0] = 0x45;
    p[8] = 64;
    p[9] = IPPROTO_UDP;
    memcpy(p + 16, &to.sin_addr, 4);
    uint16_t udp[4] = {0, htons(port), htons((uint16_t)(8 + length)), 0};
    memcpy(p + 20, udp, 8);
    for (size_t j = 0; j < length; j++) {
      unsigned value;
      sscanf(argv[7] + 2 * j, "%2x", &value);
      p[HEADERS + j] = (unsigned char)value;
    }
    parts[i] = (struct iovec){p, HEADERS + length};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &to;
    messages[i].msg_hdr.msg_namelen = sizeof to;
  }

  uint64_t state = 88172645463325252ull, sent = 0;
  double start = seconds();
  while (!ended && (packets == 0 || sent < packets)) {
    int count = BATCH;
    if (packets != 0 && packets - sent < BATCH)
      count = (int)(packets - sent);
    for (int i = 0; i < count; i++) {
      uint64_t n = sent + (uint64_t)i;
      uint32_t source = htonl(first + (uint32_t)(n % sources));
      uint16_t source_port = htons((uint16_t)(1024 + n / sources * 7 % 60000));
      memcpy(octets[i] + 12, &source, 4);
      memcpy(octets[i] + 20, &source_port, 2);
      for (size_t j = from; j < until; j++)
        octets[i][HEADERS + j] = (unsigned char)(next_random(&state) >> 24);
    }
    int done = sendmmsg(fd, messages, (unsigned)count, 0);
    if (done > 0)
      sent += (uint64_t)done;
    else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
      perror("sendmmsg");
      return 1;
    }
    if (rate > 0) {
      double ahead = (double)sent / rate - (seconds() - start);
      if (ahead > 0) {
        struct timespec pause = {(time_t)ahead, (long)((ahead - (double)(time_t)ahead) * 1e9)};
        nanosleep(&pause, NULL);
      }
    }
  }
  printf("sent %llu in %.3f s\n", (unsigned long long)sent, seconds() - start);
  return 0;
}
