/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LASTREF variable, parsed.
 *
 * Layer: format. Locks: none; it runs before the program's own constructors, so it uses nothing of libc that
 * needs set-up.
 *
 * What is not obvious: a pair is first unescaped into a buffer of its own and then compared, so that `\:` works alike
 * in every value, and messages quote what the value means and not how it was written.
 */
#include "format/settings.h"

#include "base/attributes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define KEYS_TEXT                                                                                     \
	"the keys are leaks=off|warn|panic, stack=1..128, output=FILE|stderr, types=GLOB[,GLOB]..., " \
	"log=GLOB[,GLOB]..., exitcode=0..255, settle=0..60000, signal=NAME"

_Static_assert(LR_STACK_DEPTH_MAX == 128, "KEYS_TEXT and lastref-env(7) say 128");
_Static_assert(LR_SETTLE_MAX == 60000, "KEYS_TEXT and lastref-env(7) say 60000");

/* Why a pair was refused: words, what is wrong, words. */
struct refusal {
	const char *before;
	const char *quoted;
	const char *after;
	const char *valid; /* follows @after */
};

static void refuse(struct refusal *refusal, const char *before, const char *quoted, const char *after)
{
	*refusal = (struct refusal){ before, quoted, after, "" };
}

void lr_settings_defaults(struct lr_settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->leaks = LR_LEAKS_UNSET;
	settings->stack_depth = LR_STACK_DEPTH_DEFAULT;
}

/* A decimal number from @low to @high and nothing else. */
static bool parse_number(const char *value, int low, int high, int *ret_number)
{
	int number = 0;

	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++) {
		if (*value < '0' || *value > '9')
			return false;
		number = number * 10 + (*value - '0');
		if (number > high)
			return false;
	}
	if (number < low)
		return false;
	*ret_number = number;
	return true;
}

static bool set_leaks(struct lr_settings *settings, const char *value)
{
	static const char *const words[] = {
		[LR_LEAKS_OFF] = "off",
		[LR_LEAKS_WARN] = "warn",
		[LR_LEAKS_PANIC] = "panic",
	};

	for (enum lr_leaks leaks = LR_LEAKS_OFF; leaks <= LR_LEAKS_PANIC; leaks++) {
		if (strcmp(value, words[leaks]) != 0)
			continue;
		settings->leaks = leaks;
		return true;
	}
	return false;
}

static bool set_stack(struct lr_settings *settings, const char *value)
{
	return parse_number(value, 1, LR_STACK_DEPTH_MAX, &settings->stack_depth);
}

static bool set_exitcode(struct lr_settings *settings, const char *value)
{
	return parse_number(value, 0, 255, &settings->exitcode);
}

static bool set_settle(struct lr_settings *settings, const char *value)
{
	return parse_number(value, 0, LR_SETTLE_MAX, &settings->settle);
}

/* Signals by which programs are told things; what ends a program, or what a fault sends, is none of them. */
static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP }, { "USR1", SIGUSR1 },	    { "USR2", SIGUSR2 }, { "ALRM", SIGALRM },
	{ "URG", SIGURG }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
	{ "IO", SIGIO },   { "PWR", SIGPWR },
};

static bool set_signal(struct lr_settings *settings, const char *value)
{
	int above;

	if (strncmp(value, "SIG", 3) == 0)
		value += 3;
	for (size_t i = 0; i < LR_ARRAY_SIZE(signals); i++) {
		if (strcmp(value, signals[i].name) != 0)
			continue;
		settings->signal = signals[i].number;
		return true;
	}
	if (strncmp(value, "RTMIN+", 6) != 0 ||
	    !parse_number(value + 6, 0, SIGRTMAX - SIGRTMIN, &above))
		return false;
	settings->signal = SIGRTMIN + above;
	return true;
}

static bool set_output(struct lr_settings *settings, const char *value)
{
	strcpy(settings->output, strcmp(value, "stderr") == 0 ? "" : value);
	return true;
}

static bool set_types(struct lr_settings *settings, const char *value)
{
	strcpy(settings->types, value);
	return true;
}

static bool set_log(struct lr_settings *settings, const char *value)
{
	strcpy(settings->log, value);
	return true;
}

/* @set returns false for a wrong value; values are shorter than LR_SETTING_TEXT_MAX. */
static const struct key {
	const char *name;
	bool (*set)(struct lr_settings *settings, const char *value);
	const char *valid; /* what it takes; NULL if that is any text */
} keys[] = {
	{ "leaks", set_leaks, "leaks is off, warn or panic" },
	{ "stack", set_stack, "stack is a number of frames from 1 to 128" },
	{ "output", set_output, NULL },
	{ "types", set_types, NULL },
	{ "log", set_log, NULL },
	{ "exitcode", set_exitcode, "exitcode is an exit status from 0 to 255" },
	{ "settle", set_settle, "settle is a number of milliseconds from 0 to 60000" },
	{ "signal", set_signal,
	  "signal is HUP, USR1, USR2, ALRM, URG, VTALRM, PROF, WINCH, IO, PWR or RTMIN+N" },
};

/*
 * Unescape the pair at *@text into @pair and move *@text behind it and its colon.
 * Return: false if the pair does not fit or ends within an escape; then @pair has its begin.
 */
static bool next_pair(const char **text, char *pair, size_t size, struct refusal *refusal)
{
	size_t length = 0;
	const char *at = *text;

	for (; *at != '\0' && *at != ':'; at++) {
		pair[length] = '\0';
		if (length + 1 >= size) {
			refuse(refusal, "'", pair, "' is too long; 4,095 bytes is the most");
			return false;
		}
		if (*at == '\\' && at[1] == '\0') {
			refuse(refusal, "'", pair, "\\' ends with a backslash; write \\\\ for one");
			return false;
		}
		if (*at == '\\' && (at[1] == ':' || at[1] == '\\'))
			at++;
		pair[length++] = *at;
	}
	pair[length] = '\0';
	*text = *at == ':' ? at + 1 : at;
	return true;
}

static bool apply_pair(struct lr_settings *settings, char *pair, struct refusal *refusal)
{
	char *equals = strchr(pair, '=');

	refuse(refusal, "'", pair, "' is not key=value; " KEYS_TEXT);
	if (equals == NULL)
		return false;
	for (size_t i = 0; i < LR_ARRAY_SIZE(keys); i++) {
		size_t length = strlen(keys[i].name);

		if (length != (size_t)(equals - pair) || memcmp(pair, keys[i].name, length) != 0)
			continue;
		refuse(refusal, "'", pair, "' is not valid; ");
		refusal->valid = keys[i].valid;
		return keys[i].set(settings, equals + 1);
	}
	*equals = '\0';
	refuse(refusal, "there is no key '", pair, "'; " KEYS_TEXT);
	return false;
}

/* Foreign bytes in a message: one line, printable, short. */
static void quote(char *to, size_t size, const char *from)
{
	size_t length = 0;

	for (; *from != '\0' && length + 4 < size; from++)
		to[length++] = *from >= ' ' && *from <= '~' ? *from : '?';
	if (*from != '\0') {
		memcpy(to + length, "...", 3);
		length += 3;
	}
	to[length] = '\0';
}

static void explain(const struct refusal *refusal, char *message, size_t size)
{
	char quoted[80];

	quote(quoted, sizeof(quoted), refusal->quoted);
	snprintf(message, size, "%s: %s%s%s%s", LR_SETTINGS_VARIABLE, refusal->before, quoted,
		 refusal->after, refusal->valid);
}

int lr_settings_parse(struct lr_settings *settings, const char *text, char *message, size_t size)
{
	char pair[LR_SETTING_TEXT_MAX];
	struct lr_settings before = *settings;
	struct refusal refusal;

	while (*text != '\0') {
		if (next_pair(&text, pair, sizeof(pair), &refusal) &&
		    (pair[0] == '\0' || apply_pair(settings, pair, &refusal)))
			continue;
		explain(&refusal, message, size);
		*settings = before;
		return -EINVAL;
	}
	return 0;
}
