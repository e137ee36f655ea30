/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/remedies.h"

static int notify_start(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	(void)now;
	if (env->publish)
		env->publish(env->publish_context, &remedy->step);
	return REMEDY_DONE;
}

static int notify_advance(struct remedy *remedy, const struct remedy_env *env, usec_t now)
{
	(void)remedy;
	(void)env;
	(void)now;
	return REMEDY_DONE;
}

static void notify_nothing(struct remedy *remedy, const struct remedy_env *env)
{
	(void)remedy;
	(void)env;
}

const struct remedy_ops notify_remedy = {
	.start = notify_start,
	.advance = notify_advance,
	.cancel = notify_nothing,
	.release = notify_nothing,
};
