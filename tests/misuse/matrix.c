/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every misuse of a count in every way: by default it is reported, with all that is known, and aborts; with a handler that returns,
 * the object leaks, is never destroyed, never revived, and further misuse is reported again.
 *
 * A plain program that writes TAP, built for each count (-DHOT, -DCACHE, or the standard one) and several times for each: what is
 * compiled into a user's program must do the same with every optimization. Each misuse is made in a child, by functions whose
 * names the report has to tell.
 */
#include <lastref/lastref.h>

#include "../support/capture.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(HOT)
#define COUNT(verb) lastref_hot_count##verb
#define LARGEST INT64_MAX /* no number of references is too many */
#elif defined(CACHE)
#define COUNT(verb) lastref_cache_count##verb
#define LARGEST (INT32_MAX - 1)
#else
#define COUNT(verb) lastref_count##verb
#define LARGEST INT32_MAX
#endif

struct box {
	int before;
	struct COUNT() refs;
};

static struct box box;
static struct box *held;
static int destroyed;

static void box_destroy(struct box *dying)
{
	(void)dying;
	destroyed++;
}

LASTREF_DEFINE(box, struct box, refs, box_destroy);

/*
 * What the report names. A call that is the last thing in a function would leave no frame behind.
 */

#ifdef __clang__
#define NAMED __attribute__((noinline, used))
#else
#define NAMED __attribute__((noinline, used, externally_visible))
#endif
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

NAMED void born_here(void (*function)(void));
NAMED void ended_here(void (*function)(void));
NAMED void misused_here(void (*function)(void));

void born_here(void (*function)(void))
{
	function();
	KEEP_FRAME();
}

void ended_here(void (*function)(void))
{
	function();
	KEEP_FRAME();
}

void misused_here(void (*function)(void))
{
	function();
	KEEP_FRAME();
}

/*
 * The ways to use a count.
 */

static void bare_init(void)
{
	COUNT(_init)(&box.refs);
}

static void bare_fill(void)
{
	COUNT(_init)(&box.refs);
	COUNT(_restore_)(&box.refs, LARGEST);
	COUNT(_ref)(&box.refs);
}

static void bare_ref(void)
{
	COUNT(_ref)(&box.refs);
}

static void bare_unref(void)
{
	if (COUNT(_unref)(&box.refs))
		destroyed++;
}

static void bare_unref_unless_last(void)
{
	COUNT(_unref_unless_last)(&box.refs);
}

static void template_init(void)
{
	box_ref_init(&box);
}

static void template_fill(void)
{
	box_ref_restore(&box, LARGEST);
	box_ref(&box);
}

static void template_ref(void)
{
	box_ref(&box);
}

static void template_unref(void)
{
	box_unref(&box);
}

static void template_unref_unless_last(void)
{
	box_unref_unless_last(&box);
}

static void template_unref_with(void)
{
	box_unref_with(&box, NULL, NULL);
}

static void generic_ref(void)
{
	lastref_ref(box_ref_type(), &box);
}

static void generic_unref(void)
{
	lastref_unref(box_ref_type(), &box);
}

static void slot_ref(void)
{
	held = NULL;
	box_ref_set(&held, &box);
}

static void slot_unref(void)
{
	held = &box;
	box_ref_clear(&held);
}

enum operation { REF, UNREF };

static const struct way {
	const char *name;
	enum operation operation;
	bool is_bare;
	void (*init)(void);
	void (*fill)(void); /* with one reference more than there may be */
	void (*misuse)(void);
} ways[] = {
	{ "ref", REF, true, bare_init, bare_fill, bare_ref },
	{ "unref", UNREF, true, bare_init, bare_fill, bare_unref },
	{ "unref_unless_last", UNREF, true, bare_init, bare_fill, bare_unref_unless_last },
	{ "x_ref", REF, false, template_init, template_fill, template_ref },
	{ "x_unref", UNREF, false, template_init, template_fill, template_unref },
	{ "x_unref_unless_last", UNREF, false, template_init, template_fill,
	  template_unref_unless_last },
	{ "x_unref_with", UNREF, false, template_init, template_fill, template_unref_with },
	{ "lastref_ref", REF, false, template_init, template_fill, generic_ref },
	{ "lastref_unref", UNREF, false, template_init, template_fill, generic_unref },
	{ "x_ref_set", REF, false, template_init, template_fill, slot_ref },
	{ "x_ref_clear", UNREF, false, template_init, template_fill, slot_unref },
};

/*
 * The states in which an operation is a misuse.
 */

static void end(void)
{
	template_unref();
	box_ref_evict(&box);
	destroyed = 0;
}

static void end_bare(void)
{
	COUNT(_unref)(&box.refs);
#ifdef CACHE
	lastref_cache_count_evict(&box.refs);
#endif
}

static void make_dead(const struct way *way)
{
	born_here(way->init);
	ended_here(way->is_bare ? end_bare : end);
}

static void make_zeroed(const struct way *way)
{
	(void)way;
	memset(&box, 0, sizeof(box));
}

#ifdef CACHE
static void make_rest(const struct way *way)
{
	born_here(way->init);
	if (way->is_bare)
		lastref_cache_count_unref(&box.refs);
	else
		box_unref(&box);
}
#endif

#ifndef HOT
static void make_full(const struct way *way)
{
	born_here(way->fill);
}
#endif

struct misuse {
	enum lastref_misuse_kind kind;
	const char *words;
};

static const struct state {
	const char *name;
	void (*make)(const struct way *way);
	struct misuse misuses[2]; /* by operation */
	bool was_born;
	bool has_ended;
	bool is_immortal; /* from then on */
} states[] = {
	{ .name = "a dead object",
	  .make = make_dead,
	  .misuses = { { LASTREF_MISUSE_REF_DEAD, "REF ON A DEAD OBJECT" },
		       { LASTREF_MISUSE_UNREF_DEAD, "ONE UNREF TOO MANY (the object is dead)" } },
	  .was_born = true,
	  .has_ended = true },
	{ .name = "zeroed memory",
	  .make = make_zeroed,
	  .misuses = { { LASTREF_MISUSE_REF_UNINITIALIZED,
			 "REF ON AN OBJECT THAT WAS NEVER INITIALIZED" },
		       { LASTREF_MISUSE_UNREF_UNINITIALIZED,
			 "UNREF ON AN OBJECT THAT WAS NEVER INITIALIZED" } } },
#ifdef CACHE
	{ .name = "an object at rest",
	  .make = make_rest,
	  .misuses = { { LASTREF_MISUSE_REF_AT_REST,
			 "REF ON AN OBJECT AT REST (only tryref revives it)" },
		       { LASTREF_MISUSE_UNREF_AT_REST, "ONE UNREF TOO MANY (the object is at rest)" } },
	  .was_born = true },
#endif
#ifndef HOT
	{ .name = "an object with too many references",
	  .make = make_full,
	  .misuses = { { LASTREF_MISUSE_OVERFLOW, "MORE THAN 2,147,483,647 REFERENCES" },
		       { LASTREF_MISUSE_OVERFLOW, "MORE THAN 2,147,483,647 REFERENCES" } },
	  .was_born = true,
	  .is_immortal = true },
#endif
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct scene {
	const struct way *way;
	const struct state *state;
	bool is_checked;
};

static const struct misuse *misuse_of(const struct scene *scene)
{
	return &scene->state->misuses[scene->way->operation];
}

/*
 * By default: in a child that must abort.
 */

static int failures; /* of the sentence that is being tested */

static void expect(bool holds, const char *what, const struct capture *capture)
{
	if (holds)
		return;
	failures++;
	printf("# not so: %s\n", what);
	if (capture != NULL)
		fprintf(stderr, "status 0x%x:\n%s", capture->wait_status, capture->text);
}

static int play(void *scene_)
{
	const struct scene *scene = scene_;

	if (scene->is_checked)
		lastref_set_leak_mode(LASTREF_LEAKS_WARN);
	scene->state->make(scene->way);
	misused_here(scene->way->misuse);
	return 0;
}

/* Is there a line that begins with @label and names @function? */
static bool has_site(const struct capture *capture, const char *label, const char *function)
{
	const char *line = strstr(capture->text, label);
	const char *name = line != NULL ? strstr(line, function) : NULL;

	return name != NULL && name < line + 1 + strcspn(line + 1, "\n");
}

static void expect_sites(const struct scene *scene, const struct capture *capture)
{
	bool known = scene->is_checked && !scene->way->is_bare;
	bool is_born = known && scene->state->was_born;
	bool is_ended = known && scene->state->has_ended;

	expect(has_site(capture, "\n  AT ", "misused_here"), "the site of the misuse is told",
	       capture);
	expect(has_site(capture, "\n  BORN AT ", "born_here") == is_born,
	       "the site of the birth is told if it is known", capture);
#ifdef CACHE
	expect(has_site(capture, "\n  EVICTED AT ", "ended_here") == is_ended,
	       "the site of the eviction is told if it is known", capture);
#else
	expect(has_site(capture, "\n  LAST UNREF AT ", "ended_here") == is_ended,
	       "the site of the last unref is told if it is known", capture);
#endif
	expect(capture_count(capture, "run with LASTREF=leaks=warn to see") == !scene->is_checked,
	       "where nothing is known it is said how to learn more", capture);
}

static void expect_abort(struct scene *scene, bool is_checked)
{
	struct capture capture;
	char title[256];
	const void *object = scene->way->is_bare ? (const void *)&box.refs : (const void *)&box;
	bool has_number = is_checked && !scene->way->is_bare && scene->state->was_born;

	scene->is_checked = is_checked;
	capture_run(&capture, play, scene);
	expect(capture_aborted(&capture), "it aborts", &capture);
	expect(capture_count(&capture, "lastref: MISUSE  ") == 1, "it is reported once", &capture);
	expect(capture_count(&capture, misuse_of(scene)->words) == 1, "its kind is told", &capture);
	snprintf(title, sizeof(title), ": %s%s at 0x%llx\n",
		 scene->way->is_bare ? "(bare count)" : "box", has_number ? "#1" : "",
		 (unsigned long long)(uintptr_t)object);
	expect(capture_count(&capture, title) == 1, "type and object are told", &capture);
	expect_sites(scene, &capture);
	capture_finish(&capture);
}

/*
 * With a handler that returns.
 */

static struct {
	int times;
	struct lastref_misuse last;
	bool has_words;
	const char *words;
} told;

static void note_misuse(const struct lastref_misuse *misuse, void *context)
{
	(void)context;
	told.times++;
	told.last = *misuse;
	told.has_words = strstr(misuse->message, told.words) != NULL;
}

static bool any_tryref(void)
{
	return COUNT(_tryref)(&box.refs) || box_tryref(&box) != NULL ||
	       lastref_tryref(box_ref_type(), &box) != NULL;
}

static void expect_stays_dead(void)
{
	told.times = 0;
	for (size_t i = 0; i < LENGTH(ways); i++) {
		ways[i].misuse();
		expect(told.times == (int)i + 1, "further misuse is reported again", NULL);
		expect(!any_tryref(), "it is never revived", NULL);
		expect(!box_ref_evict(&box), "it is never evicted", NULL);
	}
	expect(box_ref_count(&box) == 0, "it stays dead", NULL);
}

static void expect_stays_immortal(void)
{
	told.times = 0;
	for (size_t i = 0; i < LENGTH(ways); i++) {
		ways[i].misuse();
		expect(any_tryref(), "it lives for ever", NULL);
		expect(!box_ref_evict(&box), "it is never evicted", NULL);
	}
	expect(told.times == 0, "it is reported once", NULL);
	expect(box_ref_count(&box) == INT64_MAX, "it stays immortal", NULL);
}

static int play_with_handler(void *scene_)
{
	const struct scene *scene = scene_;
	bool is_bare = scene->way->is_bare;

	told.words = misuse_of(scene)->words;
	lastref_set_misuse_handler(note_misuse, NULL);
	play(scene_);
	expect(told.times == 1, "the handler is told once", NULL);
	expect(told.last.kind == misuse_of(scene)->kind && told.has_words, "it is told the kind",
	       NULL);
	expect(told.last.type == (is_bare ? NULL : box_ref_type()), "it is told the type", NULL);
	expect(told.last.object == (is_bare ? (void *)&box.refs : (void *)&box),
	       "it is told the object", NULL);
	if (scene->state->is_immortal)
		expect_stays_immortal();
	else
		expect_stays_dead();
	expect(destroyed == 0, "it leaks", NULL);
	fflush(stdout);
	return failures != 0;
}

static void expect_survival(struct scene *scene, bool is_checked)
{
	struct capture capture;

	scene->is_checked = is_checked;
	fflush(stdout);
	capture_run(&capture, play_with_handler, scene);
	expect(capture_exited(&capture, 0), "with a handler the program goes on", &capture);
	expect(capture.length == 0, "with a handler nothing is printed", &capture);
	capture_finish(&capture);
}

/*
 * Restored with a negative count, which is a misuse of no state.
 */

static void restore_negative(void)
{
	box_ref_restore(&box, -5);
}

static const struct way restore_way = { "x_ref_restore", REF, false, NULL, NULL, restore_negative };
static const struct state restore_state = {
	.name = "a negative count",
	.make = make_zeroed,
	.misuses = { { LASTREF_MISUSE_RESTORE_NEGATIVE, "RESTORED WITH A NEGATIVE COUNT" } },
};

static int sentences;
static int failed;

static void test(const struct way *way, const struct state *state)
{
	struct scene scene = { .way = way, .state = state };

	failures = 0;
	expect_abort(&scene, false);
	expect_abort(&scene, true);
	expect_survival(&scene, false);
	expect_survival(&scene, true);
	failed += failures != 0;
	printf("%s %d - %s of %s is found\n", failures ? "not ok" : "ok", ++sentences, way->name,
	       state->name);
}

int main(void)
{
	for (size_t s = 0; s < LENGTH(states); s++) {
		for (size_t w = 0; w < LENGTH(ways); w++)
			test(&ways[w], &states[s]);
	}
	test(&restore_way, &restore_state);
	printf("1..%d\n", sentences);
	return failed != 0;
}
