#include "layout.h"

#include <errno.h>
#include <string.h>

#include "address.h"

int layout_member(struct layout *layout, napi_value object, const char *name, size_t least, void *into,
                  size_t *octets)
{
  napi_value array;
  void *data;
  size_t size;

  if (napi_get_named_property(layout->env, object, name, &array) != napi_ok)
    return -EINVAL;
  if (value_octets(layout->env, array, &data, &size) < 0 || size < least)
    return -EINVAL;
  if (layout->count == (int)(sizeof layout->references / sizeof *layout->references))
    return -ENOSPC;
  if (napi_create_reference(layout->env, array, 1, &layout->references[layout->count]) != napi_ok)
    return -ENOMEM;
  layout->count++;
  memcpy(into, &data, sizeof data);
  if (octets)
    *octets = size;
  return 0;
}

int layout_batch(struct layout *layout, napi_value object, struct batch *b)
{
  int before = layout->count;
  size_t octets;
  int error;

  memset(b, 0, sizeof *b);
  if ((error = layout_member(layout, object, "start", 4, &b->start, &octets)) < 0)
    goto out;
  b->capacity = (uint32_t)(octets / 4);
  if ((error = layout_member(layout, object, "length", octets, &b->length, 0)) < 0)
    goto out;
  if ((error = layout_member(layout, object, "socket", octets, &b->socket, 0)) < 0)
    goto out;
  if ((error = layout_member(layout, object, "remote", (size_t)b->capacity * RECORD, &b->remote, 0)) < 0)
    goto out;
  if ((error = layout_member(layout, object, "verdict", b->capacity, &b->verdict, 0)) < 0)
    goto out;
  error = layout_member(layout, object, "bytes", 1, &b->bytes, &b->size);

out:
  if (error < 0)
    layout_drop(layout, before);
  return error;
}

void layout_drop(struct layout *layout, int keep)
{
  while (layout->count > keep)
    napi_delete_reference(layout->env, layout->references[--layout->count]);
}
