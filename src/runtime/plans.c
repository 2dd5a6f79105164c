/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How objects of a type are looked at: decided once in a check, for the first object of the type.
 *
 * Layer: runtime. Locks: those of types.c and of the loader, one after the other.
 *
 * If the program is alone, a library stays as long as nobody calls it. While other threads run, those that a function of the type is in
 * are pinned until the check ends: the last reference to an object may become the check's, when its program thinks it is done with it.
 */
#include "base/attributes.h"
#include "runtime/looking.h"

static bool pin_functions(struct lr_plan *plan)
{
	const struct lr_type_info *info = &plan->info;
	const uintptr_t functions[LR_PLAN_PINS] = {
		(uintptr_t)info->unref,
		(uintptr_t)info->visit,
		(uintptr_t)info->size_of,
	};

	for (size_t i = 0; i < LR_ARRAY_SIZE(functions); i++) {
		if (functions[i] == 0)
			continue;
		if (!lr_pin_take(&plan->pins[plan->pins_taken], functions[i]))
			return false;
		plan->pins_taken++;
	}
	return true;
}

/* An object that counts by hand cannot be held, and may die at any moment if other threads run. */
static bool may_call(const struct lr_looking *looking, struct lr_plan *plan)
{
	if (!looking->alone && (!lr_object_can_be_held(&plan->info) || !pin_functions(plan)))
		return false;
	return lr_functions_are_there(&plan->info);
}

static void find_reach(struct lr_plan *plan)
{
	const struct lr_type_info *info = &plan->info;

	if (info->count_offset != 0) {
		plan->count_begin = (uint32_t)info->count_offset - 1;
		plan->count_end = plan->count_begin + (uint32_t)lr_count_size(info->count_kind);
	}
	plan->reach = plan->count_end > 0 ? plan->count_end : 1;
	for (uint32_t i = 0; i < info->owned; i++) {
		uint32_t end = info->owns[i].offset + info->owns[i].size;

		plan->reach = end > plan->reach ? end : plan->reach;
	}
	if (plan->scans || plan->visits)
		plan->reach = UINT32_MAX;
}

void lr_plan_make(struct lr_looking *looking, uint32_t type)
{
	struct lr_plan *plan = &looking->plans[type];
	const struct lr_type_info *info = &plan->info;
	bool tells_count;

	plan->is_made = true;
	if (!lr_type_copy(type, &plan->info))
		return;
	tells_count = info->count && info->count_offset == 0;
	if ((info->visit || info->size_of || tells_count) && may_call(looking, plan)) {
		plan->visits = info->visit != NULL;
		plan->asks = info->size_of || tells_count;
	}
	plan->scans = info->visit ? !plan->visits : info->owned == 0;
	find_reach(plan);
	looking->any_visits |= plan->visits;
	looking->any_asks |= plan->asks;
}

void lr_plans_free(struct lr_looking *looking)
{
	for (uint32_t type = 0; type < looking->plan_room; type++) {
		const struct lr_plan *plan = &looking->plans[type];

		for (uint32_t i = 0; i < plan->pins_taken; i++)
			lr_pin_drop(&plan->pins[i]);
	}
}
