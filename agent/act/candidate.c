/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "act/candidate.h"

#include "util/strbuf.h"

#include <string.h>

const struct policy *candidate_policy(const struct action_context *context,
				      const struct service *service)
{
	if (service->policy < 0 || (size_t)service->policy >= context->policies->count)
		return NULL;
	return &context->policies->policies[service->policy];
}

bool candidate_line_is_meant(const struct action_context *context)
{
	return (context->enforced ? MODE_ENFORCE : MODE_DRY_RUN) == context->mode;
}

bool candidate_is_meant(const struct action_context *context, int policy)
{
	enum mode mode = MODE_DRY_RUN;

	if (policy < 0 || (size_t)policy >= context->policies->count)
		return false;
	if (context->enforced)
		mode = context->policies->policies[policy].mode;
	return mode == context->mode;
}

struct node_share candidate_share(const struct snapshot *snapshot, const struct service *service,
				  unsigned node)
{
	if (service->shares)
		for (size_t i = 0; i < snapshot->node_count; i++)
			if (snapshot->nodes[i].id == node)
				return service->shares[i];
	return (struct node_share){ 0 };
}

void candidate_refuse(const struct action_context *context, struct plan *plan, uint64_t service,
		      enum refusal why)
{
	plan_add_refusal(plan, (struct refusal_note){
				       .rule = context->rule,
				       .ladder = context->ladder,
				       .subject = context->subject,
				       .service = service,
				       .why = why,
			       });
}

bool candidate_fits(const struct service *service)
{
	return strlen(service->path) < PATH_BYTES;
}

void candidate_set_target(struct step *step, const struct service *service)
{
	struct strbuf path = STRBUF(step->target.path);
	struct strbuf name = STRBUF(step->target.name);

	step->target.key = service_key(service);
	step->target.policy = service->policy;
	strbuf_add(&path, service->path);
	strbuf_add(&name, service->name ? service->name : service->path);
}
