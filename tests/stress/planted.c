/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted leaks: a simulated program makes objects and references, forgets some, makes cycles, and
 * lets go of all else. What it did is the truth that the analysis must find from the counts and the
 * edges alone.
 *
 * usage: planted [SEEDS [FIRST]]
 *
 * With declared edges, which are the references and nothing else:
 *   - an object is said to have so many forgotten references as were forgotten on it;
 *   - the cycles are those that there are;
 *   - each object is in one cause or shared; mending a cause frees what it claims. Mending is
 *     simulated: its references are dropped, its cycles cut, and all that this destroys goes.
 * With edges found in memory, which are the references and raw pointers from a child to its
 * parent: each cause has a forgotten reference or a cycle in it (precision), and what share of
 * the planted is in some cause (recall) is printed beside the share of children with such a pointer.
 */
#include "analyze/causes.h"
#include "analyze/findings.h"

#include "tests/support/image_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 48
#define TYPES 4
#define SITES 3
#define REFERENCES_MAX 512

struct reference {
	int from;
	int to;
	bool is_raw; /* a pointer that holds nothing */
};

struct program {
	int objects;
	int type[OBJECTS_MAX];
	int site[OBJECTS_MAX];
	int count[OBJECTS_MAX];
	int forgotten[OBJECTS_MAX];
	uint64_t live; /* a bit an object */
	struct reference references[REFERENCES_MAX];
	int reference_count;
	uint64_t reach[OBJECTS_MAX]; /* by references, in one step or more */
	uint64_t cycle[OBJECTS_MAX]; /* the objects of its cycle; 0 if it is in none */
};

enum mode { DECLARED, FOUND, MIXED };

struct score {
	uint64_t planted; /* forgotten references, by object, and cycles */
	uint64_t recalled;
	uint64_t causes;
	uint64_t right;
};

static uint64_t random_state;
static uint64_t seed;

static uint32_t roll(uint32_t sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % sides;
}

static void require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, what);
	exit(1);
}

static uint64_t bit(int object)
{
	return UINT64_C(1) << object;
}

/*
 * The program.
 */

static void add_reference(struct program *program, int from, int to, bool is_raw)
{
	if (program->reference_count == REFERENCES_MAX)
		return;
	program->references[program->reference_count++] =
		(struct reference){ .from = from, .to = to, .is_raw = is_raw };
	program->count[to] += !is_raw;
}

/* A tree, a list, or anything in which older objects hold younger ones. */
static void connect(struct program *program, uint32_t raw_percent)
{
	uint32_t kind = roll(3);

	for (int i = 1; i < program->objects; i++) {
		int holders = kind == 2 ? (int)roll(4) : roll(8) > 0;

		for (int h = 0; h < holders; h++) {
			int parent = kind == 1 ? i - 1 : (int)roll((uint32_t)i);

			add_reference(program, parent, i, false);
			if (roll(100) < raw_percent)
				add_reference(program, i, parent, true);
		}
	}
}

static void plant(struct program *program)
{
	uint32_t cycles = roll(4);
	uint32_t forgotten = roll(5);
	uint32_t objects = (uint32_t)program->objects;

	for (uint32_t c = 0; c < cycles; c++) {
		int first = (int)roll(objects);
		int last = first;

		for (uint32_t length = roll(4); length > 0; length--) {
			int next = (int)roll(objects);

			add_reference(program, last, next, false);
			last = next;
		}
		add_reference(program, last, first, false);
	}
	for (uint32_t f = 0; f < forgotten; f++) {
		int object = (int)roll(objects);

		program->forgotten[object]++;
		program->count[object]++;
	}
}

/* Give up one reference to @object, and to all that goes with it. */
static void give_up(struct program *program, int object)
{
	int stack[REFERENCES_MAX];
	int depth = 0;

	stack[depth++] = object;
	while (depth > 0) {
		int top = stack[--depth];

		if (--program->count[top] > 0)
			continue;
		require(program->count[top] == 0 && (program->live & bit(top)), "one unref too many");
		program->live &= ~bit(top);
		for (int i = 0; i < program->reference_count; i++) {
			struct reference *reference = &program->references[i];

			if (reference->from == top && !reference->is_raw && reference->to >= 0)
				stack[depth++] = reference->to;
			if (reference->from == top)
				reference->to = -1;
		}
	}
}

static void find_cycles(struct program *program)
{
	for (int i = 0; i < program->reference_count; i++) {
		const struct reference *reference = &program->references[i];

		if (!reference->is_raw && reference->to >= 0)
			program->reach[reference->from] |= bit(reference->to);
	}
	for (int via = 0; via < program->objects; via++) {
		for (int i = 0; i < program->objects; i++) {
			if (program->reach[i] & bit(via))
				program->reach[i] |= program->reach[via];
		}
	}
	for (int i = 0; i < program->objects; i++) {
		for (int j = 0; j < program->objects; j++) {
			if ((program->reach[i] & bit(j)) && (program->reach[j] & bit(i)))
				program->cycle[i] |= bit(j);
		}
	}
}

static void run(struct program *program, uint32_t raw_percent)
{
	memset(program, 0, sizeof(*program));
	program->objects = 2 + (int)roll(OBJECTS_MAX - 2);
	for (int i = 0; i < program->objects; i++) {
		program->type[i] = (int)roll(TYPES);
		program->site[i] = (int)roll(SITES);
		program->count[i] = 1;
		program->live |= bit(i);
	}
	connect(program, raw_percent);
	plant(program);
	/* Who made them lets go of them. */
	for (int i = 0; i < program->objects; i++)
		give_up(program, i);
	find_cycles(program);
}

/*
 * What the analysis is given.
 */

static int object_of[OBJECTS_MAX]; /* by node */
static uint32_t record_of[OBJECTS_MAX];

static void build_objects(struct image_builder *builder, const struct program *program)
{
	static const char *const names[TYPES] = { "dentry", "inode", "page", "request" };
	uint32_t types[TYPES], sites[SITES];
	int nodes = 0;

	for (int i = 0; i < TYPES; i++)
		types[i] = image_builder_type(builder, names[i], 1000);
	for (uint32_t i = 0; i < SITES; i++)
		sites[i] = image_builder_site(builder, "/prog", 0x100 * (i / 2 + 1), 0);
	for (int i = 0; i < program->objects; i++) {
		if (!(program->live & bit(i)))
			continue;
		record_of[i] = image_builder_object(builder, types[program->type[i]], (uint64_t)i + 1,
						    sites[program->site[i]], program->count[i]);
		object_of[nodes++] = i;
	}
}

static void build(struct image_builder *builder, const struct program *program, enum mode mode)
{
	static const char *const members[] = { "parent", "next", "first", "owner" };

	image_builder_init(builder);
	build_objects(builder, program);
	for (int i = 0; i < program->reference_count; i++) {
		const struct reference *reference = &program->references[i];
		bool declared =
			mode == DECLARED || (mode == MIXED && program->type[reference->from] < 2);

		if (reference->to < 0 || (declared && reference->is_raw))
			continue;
		if ((program->live & bit(reference->to)) && (program->live & bit(reference->from)))
			image_builder_edge(builder, record_of[reference->from],
					   record_of[reference->to],
					   declared ? members[i % 4] : NULL, (uint32_t)i % 8 * 8);
	}
}

/*
 * What it says.
 */

struct claims {
	const struct lr_findings *findings;
	int nodes;
	uint64_t kept[OBJECTS_MAX];  /* by cause: what goes with it, roots included */
	uint64_t roots[OBJECTS_MAX]; /* by cause */
	uint64_t shared;
	uint64_t component[OBJECTS_MAX]; /* by object */
};

static void read_claims(struct claims *claims, const struct lr_findings *findings)
{
	const struct lr_graph *graph = findings->graph;

	memset(claims, 0, sizeof(*claims));
	claims->findings = findings;
	claims->nodes = (int)graph->node_count;
	for (uint32_t node = 0; node < graph->node_count; node++) {
		uint32_t label = lr_label_value(graph, node);
		uint64_t object = bit(object_of[node]);

		if (label == LR_LABEL_SHARED) {
			claims->shared |= object;
		} else {
			require(label >= 1 && label <= findings->cause_count,
				"an object has no cause");
			claims->kept[label - 1] |= object;
			claims->roots[label - 1] |= lr_label_is_root(graph, node) ? object : 0;
		}
		for (uint32_t other = 0; other < graph->node_count; other++) {
			if (graph->nodes[node].component == graph->nodes[other].component)
				claims->component[object_of[node]] |= bit(object_of[other]);
		}
	}
}

static void check_sums(const struct claims *claims)
{
	const struct lr_findings *findings = claims->findings;
	uint64_t objects = findings->shared;

	for (size_t c = 0; c < findings->cause_count; c++) {
		const struct lr_cause *cause = &findings->causes[c];

		require(cause->label == c + 1, "a cause has another's label");
		require(cause->objects == (uint64_t)__builtin_popcountll(claims->kept[c]),
			"a cause claims another number of objects than it keeps");
		require(cause->bytes == 64 * cause->objects, "a cause claims other bytes");
		objects += cause->objects;
	}
	require(objects == findings->objects && objects == (uint64_t)claims->nodes,
		"the sums are not those of the causes");
	require(findings->shared == (uint64_t)__builtin_popcountll(claims->shared),
		"another number of objects is shared");
}

static void check_roots(const struct program *program, const struct claims *claims)
{
	const struct lr_findings *findings = claims->findings;

	for (size_t c = 0; c < findings->cause_count; c++) {
		const struct lr_cause *cause = &findings->causes[c];
		uint64_t references = 0;

		for (int i = 0; i < program->objects; i++) {
			if (!(claims->roots[c] & bit(i)))
				continue;
			references += (uint64_t)program->forgotten[i];
			require((program->cycle[i] != 0) == (cause->kind == LR_CAUSE_CYCLE),
				"a cycle is told where none is, or a leak where one is");
			if (cause->kind == LR_CAUSE_LEAK)
				require(program->forgotten[i] > 0,
					"a root has no forgotten reference");
		}
		require(references == cause->references, "another number of references is forgotten");
	}
	for (int i = 0; i < program->objects; i++) {
		uint64_t told = 0;

		for (size_t c = 0; c < findings->cause_count; c++)
			told |= claims->roots[c];
		if ((program->live & bit(i)) && (program->forgotten[i] > 0 || program->cycle[i] != 0))
			require(told & bit(i), "a planted leak is not told");
		if (program->cycle[i] != 0)
			require(program->cycle[i] == claims->component[i],
				"a cycle has other objects");
	}
}

/* Without what is forgotten on the roots of these causes, and with their cycles cut: what goes? */
static uint64_t mend(const struct program *program, const struct claims *claims, uint64_t causes)
{
	struct program mended = *program;
	uint64_t cut = 0;

	for (size_t c = 0; c < claims->findings->cause_count; c++)
		cut |= causes & bit((int)c) ? claims->roots[c] : 0;
	/* All references within cycles at once, so that cutting one cannot destroy what another is cut of. */
	for (int i = 0; i < mended.reference_count; i++) {
		struct reference *reference = &mended.references[i];

		if (reference->to < 0 || reference->is_raw || !(cut & bit(reference->from)) ||
		    !(program->cycle[reference->from] & bit(reference->to)))
			continue;
		mended.forgotten[reference->to]++;
		reference->to = -1;
	}
	for (int i = 0; i < mended.objects; i++) {
		while ((cut & bit(i)) && mended.forgotten[i] > 0) {
			mended.forgotten[i]--;
			give_up(&mended, i);
		}
	}
	return program->live & ~mended.live;
}

/* The causes of which a root holds, through whatever, a root of @cause; and those above these. */
static uint64_t causes_above(const struct program *program, const struct claims *claims, size_t cause)
{
	uint64_t held = claims->roots[cause];
	uint64_t above = 0;
	uint64_t before;

	do {
		before = above;
		for (size_t c = 0; c < claims->findings->cause_count; c++) {
			for (int i = 0; i < program->objects; i++) {
				if (c != cause && (claims->roots[c] & bit(i)) &&
				    (program->reach[i] & held))
					above |= bit((int)c);
			}
		}
		for (size_t c = 0; c < claims->findings->cause_count; c++)
			held |= above & bit((int)c) ? claims->roots[c] : 0;
	} while (above != before);
	return above;
}

/* What goes with those of the causes @above that @cause is above of in its turn: causes are many objects. */
static uint64_t kept_by_equals(const struct program *program, const struct claims *claims,
			       size_t cause, uint64_t above)
{
	uint64_t kept = 0;

	for (size_t c = 0; c < claims->findings->cause_count; c++) {
		if ((above & bit((int)c)) && (causes_above(program, claims, c) & bit((int)cause)))
			kept |= claims->kept[c];
	}
	return kept;
}

static void check_mending(const struct program *program, const struct claims *claims)
{
	size_t count = claims->findings->cause_count;

	for (size_t c = 0; c < count; c++) {
		uint64_t above = causes_above(program, claims, c);
		uint64_t before = mend(program, claims, above);
		uint64_t goes = mend(program, claims, above | bit((int)c)) & ~before;

		require((claims->kept[c] & ~goes) == 0, "a cause claims what does not go with it");
		require((goes & ~claims->kept[c] & ~claims->shared &
			 ~kept_by_equals(program, claims, c, above)) == 0,
			"more goes with a cause than it claims");
		if (above == 0)
			require(goes == claims->kept[c], "another set of objects goes with a cause");
		require((above != 0) == (claims->findings->causes[c].also_held > 0),
			"another cause holds its roots, and that is not told; or it is, and none does");
	}
	require(mend(program, claims, (bit((int)count) - 1)) == program->live,
		"something is left when all is mended");
}

/* Does every cause have something in it that was planted, and how much of that is in some cause? */
static void check_precision(const struct program *program, const struct claims *claims,
			    struct score *score)
{
	const struct lr_findings *findings = claims->findings;
	uint64_t told = 0;

	for (size_t c = 0; c < findings->cause_count; c++) {
		told |= claims->roots[c];
		for (int i = 0; i < program->objects; i++) {
			bool found = false;

			if (!(claims->roots[c] & bit(i)))
				continue;
			for (int j = 0; j < program->objects; j++)
				found |= (claims->component[i] & bit(j)) &&
					 (program->forgotten[j] > 0 || program->cycle[j] != 0);
			score->causes++;
			score->right += found;
			if (findings->causes[c].kind == LR_CAUSE_LEAK)
				require(program->forgotten[i] > 0,
					"a root has no forgotten reference");
		}
	}
	for (int i = 0; i < program->objects; i++) {
		bool planted = (program->live & bit(i)) &&
			       (program->forgotten[i] > 0 || program->cycle[i] != 0);

		score->planted += planted;
		score->recalled += planted && (told & bit(i));
	}
}

static void analyze(const struct program *program, enum mode mode, struct score *score)
{
	static const struct lr_findings_options options;
	struct image_builder builder;
	struct lr_findings findings;
	struct claims claims;

	build(&builder, program, mode);
	require(lr_findings_make(&findings, &builder.image, &options) == 0, "no findings");
	lr_findings_choose(&findings, 0);
	require(!findings.incomplete && findings.cause_count < 64, "the findings are incomplete");
	read_claims(&claims, &findings);
	check_sums(&claims);
	if (mode == DECLARED) {
		check_roots(program, &claims);
		check_mending(program, &claims);
	}
	check_precision(program, &claims, score);
	lr_findings_free(&findings);
	image_builder_finish(&builder);
}

static double share(uint64_t part, uint64_t of)
{
	return of > 0 ? (double)part / (double)of : 1;
}

int main(int argc, char **argv)
{
	static const uint32_t raw_percents[] = { 0, 10, 50 };
	static const char *const names[] = { "declared", "found", "half and half" };
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct program program;

	printf("%-14s %12s %10s %10s %10s\n", "edges", "raw pointers", "planted", "precision",
	       "recall");
	for (size_t p = 0; p < 3; p++) {
		struct score scores[3] = { 0 };

		for (seed = first; seed < first + seeds; seed++) {
			random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + p + 1;
			run(&program, raw_percents[p]);
			for (enum mode mode = DECLARED; mode <= MIXED; mode++)
				analyze(&program, mode, &scores[mode]);
		}
		for (enum mode mode = DECLARED; mode <= MIXED; mode++) {
			const struct score *score = &scores[mode];
			double precision = share(score->right, score->causes);
			double recall = share(score->recalled, score->planted);

			printf("%-14s %10u %% %10llu %10.3f %10.3f\n", names[mode], raw_percents[p],
			       (unsigned long long)score->planted, precision, recall);
			require(score->planted > seeds, "next to nothing was planted");
			require(precision == 1, "a cause is none");
			require(recall == 1 || (mode != DECLARED && raw_percents[p] > 0),
				"something planted was not told");
		}
	}
	return 0;
}
