#include "address.h"

#include <string.h>

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

void record_from_endpoint(const union endpoint *from, uint8_t *record)
{
  memset(record, 0, RECORD);

  if (from->any.sa_family == AF_INET) {
    record[0] = 4;
    memcpy(record + 2, &from->v4.sin_port, 2);
    memcpy(record + 4, &from->v4.sin_addr, 4);
    return;
  }

  const uint8_t *ip = from->v6.sin6_addr.s6_addr;
  int mapped = memcmp(ip, MAPPED, sizeof MAPPED) == 0;
  record[0] = mapped ? 4 : 6;
  memcpy(record + 2, &from->v6.sin6_port, 2);
  if (mapped)
    memcpy(record + 4, ip + 12, 4);
  else
    memcpy(record + 4, ip, 16);
}

socklen_t record_to_endpoint(const uint8_t *record, int family, union endpoint *to)
{
  if (family == 4) {
    if (record[0] != 4)
      return 0;
    memset(&to->v4, 0, sizeof to->v4);
    to->v4.sin_family = AF_INET;
    memcpy(&to->v4.sin_port, record + 2, 2);
    memcpy(&to->v4.sin_addr, record + 4, 4);
    return sizeof to->v4;
  }

  memset(&to->v6, 0, sizeof to->v6);
  to->v6.sin6_family = AF_INET6;
  memcpy(&to->v6.sin6_port, record + 2, 2);
  if (record[0] == 4) {
    memcpy(to->v6.sin6_addr.s6_addr, MAPPED, sizeof MAPPED);
    memcpy(to->v6.sin6_addr.s6_addr + 12, record + 4, 4);
  } else {
    memcpy(to->v6.sin6_addr.s6_addr, record + 4, 16);
  }
  return sizeof to->v6;
}
