#include "pace.h"

/* Time over which rates are smoothed, and for which the timer is left alone after it gained nothing. */
#define SMOOTH 5e6
#define HOLD 200000000u

/* The timer is set when it saves a third of the wakes, and stopped when it brings fewer datagrams than this a look. */
#define WORTHWHILE 1.5
#define TOO_FEW 1.2

/* The share of fruitless looks at which bursts are better waited for. */
#define TOO_FRUITLESS 0.4

void pace_init(struct pace *p, uint64_t longest, uint64_t now)
{
  *p = (struct pace){.longest = longest, .last = now};
}

static void smooth(double *value, double sample, double weight)
{
  *value += (sample - *value) * weight;
}

/* The period that suits the rate, in nanoseconds; 0 where none does. */
static uint32_t suitable(const struct pace *p)
{
  double period = (double)p->longest;

  if (p->rate * period > PACE_GATHER)
    period = PACE_GATHER / p->rate;
  return period < PACE_SHORTEST ? 0 : (uint32_t)period;
}

uint32_t pace_next(struct pace *p, uint64_t now, uint32_t datagrams)
{
  uint32_t fresh = datagrams - p->seen;
  double passed = now > p->last ? (double)(now - p->last) : 1;
  double weight = passed / (passed + SMOOTH);

  p->last = now;
  p->seen = datagrams;
  if (p->longest == 0)
    return 0;
  smooth(&p->rate, fresh / passed, weight);

  uint32_t period = suitable(p);
  if (p->period == 0) {
    smooth(&p->wakes, 1 / passed, weight);
    if (now < p->held || p->wakes * period < WORTHWHILE || p->rate * period < WORTHWHILE)
      return 0;
    p->fruitless = 0;
    return p->period = period;
  }

  smooth(&p->fruitless, fresh == 0, weight);
  if (p->fruitless > TOO_FRUITLESS)
    p->held = now + HOLD;
  if (p->fruitless > TOO_FRUITLESS || period == 0 || p->rate * period < TOO_FEW) {
    p->wakes = 0;
    return p->period = 0;
  }
  /* The timer is set anew only where it is off by a fourth. */
  if (period > p->period + p->period / 4 || period + p->period / 4 < p->period)
    p->period = period;
  return p->period;
}
