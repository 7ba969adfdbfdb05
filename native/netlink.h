#ifndef TACITURN_NETLINK_H
#define TACITURN_NETLINK_H

#include "value.h"

/*
 * netlink(request, answer) -> octets of the answer, or a negated errno. Sends
 * one message to the kernel's tables of devices, routes and filters
 * (NETLINK_ROUTE) and reads what it answers first.
 */
napi_value netlink_call(napi_env env, napi_callback_info info);

#endif
