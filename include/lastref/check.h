/* SPDX-License-Identifier: Apache-2.0 */
/**
 * check.h - the leak checker: what is registered, what is live, what was misused
 *
 * While checking is on, every counted object is in a registry from its birth to the end of its destructor. What is left
 * there when nothing should be is a leak, and the report names it: its type, its name, the line of its birth.
 *
 * Checking is switched by the environment (`LASTREF=leaks=warn`, see lastref-env(7)), by `lastref run`, or by
 * lastref_set_leak_mode(). It never changes what the counts do, and a failing environment (no memory, too many objects)
 * degrades it, never the program: what was lost is counted and said in the report.
 *
 * Thread safety: every function here may be called by any thread. Of the whole library only ref, tryref and an unref
 * that is not the last are async-signal-safe.
 */
#ifndef LASTREF_CHECK_H
#define LASTREF_CHECK_H

#include <lastref/count.h>

/* In C++ a member that the initialiser leaves out must not be warned of, so each has a default there. */
#ifdef __cplusplus
#define LASTREF_UNSET_                                                                             \
	{                                                                                          \
	}
#else
#define LASTREF_UNSET_
#endif

/**
 * struct lastref_owned - a member that holds references of its own: LASTREF_OWNS() makes them
 * @member: its name, as it is in the struct
 * @offset, @size: where it is, in bytes; of more than one pointer it is an array
 */
struct lastref_owned {
	const char *member LASTREF_UNSET_;
	uint32_t offset LASTREF_UNSET_;
	uint32_t size LASTREF_UNSET_;
};

#define LASTREF_OWNS_MAX_ 8

/**
 * lastref_visitor - what .visit calls for each reference that the object holds
 * @context: as .visit got it
 * @member: where it is, for the report: "children"; it is copied, up to 200 bytes. Or NULL
 * @target: the object that is held; NULL is fine
 */
typedef void (*lastref_visitor)(void *context, const char *member, const void *target);

/**
 * struct lastref_type - what the checker and the generic functions know of a type
 * @name: the name in reports, "dentry"
 * @c_type: the C spelling, "struct dentry"
 * @size: size of an object in bytes
 * @count: the number of references, for reports; may be NULL. Not called by a check while other threads run
 * @ref: takes a reference; may be NULL if lastref_ref() is not used
 * @tryref: takes a reference unless the object is dead; may be NULL if lastref_tryref() is not used
 * @unref: gives up a reference, destroys on the last; may be NULL if lastref_unref() is not used
 * @options: where the options below are taken from if not from here (LASTREF_DEFINE_TYPE()); else NULL
 * @count_offset: offset of the count in the object plus one; 0 for a type that counts by itself
 * @count_kind: which of the counts of count.h it is; 0 for a type that counts by itself
 * @describe: writes what tells this object from its like (a path, a peer's address), as snprintf(): at most @size bytes,
 *	returns the length of the whole text or a negative number. Called only on an object that cannot die meanwhile,
 *	never with a lock of the runtime held; so not on an object with a struct lastref_cache_count while other threads run,
 *	as who comes to hold such a one may have to put it to rest again. Must not change the object. What it writes is cut at 200 bytes, and bytes
 *	that are no printable UTF-8 are shown escaped.
 * @leak_message: replaces the report's line for an example of this type, same rules; the default says name and count
 * @log: log every event of this type with its stack while checking is on
 * @owns: the members by which an object holds others, each of them one reference: LASTREF_OWNS(struct dentry, parent, inode). A pointer that is no reference
 *	(a child's pointer to its parent) is left out. With it, or with @visit, the leak check knows who holds whom exactly; without, it takes every
 *	word of the object that points into another leaked one for a reference, and then may name fewer causes. A member within another counted
 *	object that is embedded in this one is that one's
 * @visit: for references that are not in members: calls @visitor once for each. It may be combined with @owns. Same rules as @describe; but it is
 *	called on every object that a check is about, so it should be quick. Where it cannot be called, or faults, each word of the object
 *	may be a reference: so of objects that count by hand, or have a struct lastref_cache_count, while other threads run
 * @size_of: for objects of variable size: the size of this one in bytes. Same rules as @visit. An object of which a part is not in memory counts
 *	as one whose memory is gone
 * @at_rest: for types with a struct lastref_cache_count: called by the unref that brought the object to rest, on its thread. Unless
 *	the caller of unref holds the cache's lock, the object may be evicted by another thread before or during the call
 *
 * LASTREF_DEFINE() makes one for its type; a type that counts by hand makes its own with LASTREF_TYPE(). Equal name, c_type and
 * size make one type, however many copies there are. The runtime copies what it needs at first use, so a copy may
 * vanish with its library.
 */
struct lastref_type {
	const char *name LASTREF_UNSET_;
	const char *c_type LASTREF_UNSET_;
	size_t size LASTREF_UNSET_;
	int64_t (*count)(const void *object) LASTREF_UNSET_;
	void (*ref)(void *object) LASTREF_UNSET_;
	bool (*tryref)(void *object) LASTREF_UNSET_;
	void (*unref)(void *object) LASTREF_UNSET_;
	const struct lastref_type *options LASTREF_UNSET_;
	size_t count_offset LASTREF_UNSET_;
	unsigned count_kind LASTREF_UNSET_;
	int (*describe)(const void *object, char *buf, size_t size) LASTREF_UNSET_;
	int (*leak_message)(const void *object, char *buf, size_t size) LASTREF_UNSET_;
	bool log LASTREF_UNSET_;
	struct lastref_owned owns[LASTREF_OWNS_MAX_] LASTREF_UNSET_;
	void (*visit)(const void *object, lastref_visitor visitor, void *context) LASTREF_UNSET_;
	size_t (*size_of)(const void *object) LASTREF_UNSET_;
	void (*at_rest)(void *object) LASTREF_UNSET_;
};

#define LASTREF_FIRST_(first, ...) first
#define LASTREF_REST_(first, ...) __VA_ARGS__
#define LASTREF_STRING_(first, ...) #first

/**
 * LASTREF_TYPE() - initialiser of a struct lastref_type for a type that counts by hand
 * @name: its name in reports, a string
 * The C type and, after it, options in the order of the struct's members: .count .ref .tryref .unref .describe
 * .leak_message .log .owns .visit .size_of .at_rest. (In C++, options need C++20; in C++17 set the members one by one.)
 *
 *	static const struct lastref_type route_type = LASTREF_TYPE("net.route", struct route, .describe = route_describe);
 */
#if defined(__cplusplus) && __cplusplus < 202002L
#define LASTREF_TYPE(name, ...)                                                                    \
	{                                                                                          \
		name, LASTREF_STRING_(__VA_ARGS__, ), sizeof(LASTREF_FIRST_(__VA_ARGS__, )),       \
			LASTREF_REST_(__VA_ARGS__, )                                               \
	}
#else
#define LASTREF_TYPE(name_, ...)                                                                   \
	{                                                                                          \
		.name = name_, .c_type = LASTREF_STRING_(__VA_ARGS__, ),                           \
		.size = sizeof(LASTREF_FIRST_(__VA_ARGS__, )), LASTREF_REST_(__VA_ARGS__, )        \
	}
#endif

/**
 * LASTREF_OWNS() - value of the option .owns: the type, and up to eight members of it that hold references
 *
 *	LASTREF_DEFINE(dentry, struct dentry, refs, dentry_destroy, .owns = LASTREF_OWNS(struct dentry, parent, inode));
 */
#define LASTREF_OWNS(type, ...)                                                                    \
	{                                                                                          \
		LASTREF_OWNED_COUNT_(__VA_ARGS__, LASTREF_OWNED_8_, LASTREF_OWNED_7_,              \
				     LASTREF_OWNED_6_, LASTREF_OWNED_5_, LASTREF_OWNED_4_,         \
				     LASTREF_OWNED_3_, LASTREF_OWNED_2_, LASTREF_OWNED_1_, )       \
		(type, __VA_ARGS__)                                                                \
	}
/**
 * LASTREF_OWNS_NOTHING - value of the option .owns: objects of this type hold no others
 *
 * For a type with pointers that are no references, to its parent for one: without, each of its words is looked at.
 */
#define LASTREF_OWNS_NOTHING                                                                       \
	{                                                                                          \
		{                                                                                  \
			"", 0, 1                                                                   \
		}                                                                                  \
	}
#define LASTREF_OWNED_COUNT_(a, b, c, d, e, f, g, h, which, ...) which
#define LASTREF_OWNED_1_(type, member)                                                             \
	{                                                                                          \
		LASTREF_STRING_(member, ), (uint32_t)offsetof(type, member),                       \
			(uint32_t)sizeof(((type *)0)->member)                                      \
	}
#define LASTREF_OWNED_2_(type, a, b) LASTREF_OWNED_1_(type, a), LASTREF_OWNED_1_(type, b)
#define LASTREF_OWNED_3_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_2_(type, __VA_ARGS__)
#define LASTREF_OWNED_4_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_3_(type, __VA_ARGS__)
#define LASTREF_OWNED_5_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_4_(type, __VA_ARGS__)
#define LASTREF_OWNED_6_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_5_(type, __VA_ARGS__)
#define LASTREF_OWNED_7_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_6_(type, __VA_ARGS__)
#define LASTREF_OWNED_8_(type, a, ...)                                                             \
	LASTREF_OWNED_1_(type, a), LASTREF_OWNED_7_(type, __VA_ARGS__)

/**
 * enum lastref_leak_mode - what the leak checker does
 * @LASTREF_LEAKS_OFF: nothing is registered and nothing is reported
 * @LASTREF_LEAKS_WARN: leaks are reported
 * @LASTREF_LEAKS_PANIC: leaks are reported, then the program aborts
 */
enum lastref_leak_mode { LASTREF_LEAKS_OFF, LASTREF_LEAKS_WARN, LASTREF_LEAKS_PANIC };

/**
 * enum lastref_misuse_kind - the misuses that a handler is told of
 * @LASTREF_MISUSE_REF_DEAD: ref on a dead object
 * @LASTREF_MISUSE_REF_UNINITIALIZED: ref on a count that was never initialised
 * @LASTREF_MISUSE_UNREF_DEAD: one unref too many
 * @LASTREF_MISUSE_UNREF_UNINITIALIZED: unref on a count that was never initialised
 * @LASTREF_MISUSE_OVERFLOW: more than 2^31 - 1 references; the object is immortal from now on
 * @LASTREF_MISUSE_RESTORE_NEGATIVE: a negative count given to ref_restore
 * @LASTREF_MISUSE_REGISTERED_TWICE: lastref_register() on an object that is registered
 * @LASTREF_MISUSE_NOT_REGISTERED: lastref_unregister() on an object that is not
 * @LASTREF_MISUSE_NO_FUNCTION: a generic function on a type that did not set .ref, .tryref or .unref
 * @LASTREF_MISUSE_REF_AT_REST: ref on an object of a cache that nobody holds; only tryref may revive it
 * @LASTREF_MISUSE_UNREF_AT_REST: one unref too many, on an object of a cache that nobody holds
 */
enum lastref_misuse_kind {
	LASTREF_MISUSE_REF_DEAD,
	LASTREF_MISUSE_REF_UNINITIALIZED,
	LASTREF_MISUSE_UNREF_DEAD,
	LASTREF_MISUSE_UNREF_UNINITIALIZED,
	LASTREF_MISUSE_OVERFLOW,
	LASTREF_MISUSE_RESTORE_NEGATIVE,
	LASTREF_MISUSE_REGISTERED_TWICE,
	LASTREF_MISUSE_NOT_REGISTERED,
	LASTREF_MISUSE_NO_FUNCTION,
	LASTREF_MISUSE_REF_AT_REST,
	LASTREF_MISUSE_UNREF_AT_REST,
};

/**
 * struct lastref_misuse - one misuse, as a handler sees it
 * @kind: which
 * @type: the object's type, or NULL for a bare count
 * @object: the object; it may be dead, so do not follow the pointer
 * @message: the whole report, lines ended by newlines; valid during the call
 */
struct lastref_misuse {
	enum lastref_misuse_kind kind;
	const struct lastref_type *type;
	const void *object;
	const char *message;
};

/** lastref_misuse_handler - called by the thread that misused, with the context given to lastref_set_misuse_handler(). */
typedef void (*lastref_misuse_handler)(const struct lastref_misuse *misuse, void *context);

/**
 * struct lastref_report - one report, as a handler sees it
 * @message: the whole report, lines ended by newlines; valid during the call
 * @objects: how many leaked objects it is about; 0 if it only says what could not be checked
 * @causes: of how many causes
 */
struct lastref_report {
	const char *message;
	size_t objects;
	size_t causes;
};

/** lastref_report_handler - called by the thread that checks, with the context given to lastref_set_report_handler(). */
typedef void (*lastref_report_handler)(const struct lastref_report *report, void *context);

/** lastref_checkpoint - a moment: what is born after it is told from what was born before. Never 0 while checking is on. */
typedef uint64_t lastref_checkpoint;

/* ENODATA, which a freestanding program has no header for. */
#define LASTREF_NO_DATA_ 61

/*
 * Which operations call the runtime: bit 0, births; bit 1, every ref, tryref and unref. Read by the inline functions of
 * object.h before their atomic operation; written by the runtime only.
 */
#define LASTREF_WATCH_BIRTHS_ 1
#define LASTREF_WATCH_REFS_ 2

/* Between the two ends of a destructor: the index of an object that the checker knows, else 0, and whom to tell of the end. */
struct lastref_death_ {
	uint32_t index;
	void (*died)(uint32_t index);
};

#if !LASTREF_CHECKING_
#include <lastref/no_checking.h>
#else

#ifdef __cplusplus
extern "C" {
#endif

extern LASTREF_API unsigned char lastref_watch;

/** lastref_version() - the version of the loaded library, as LASTREF_VERSION_STRING. Never NULL. */
LASTREF_API const char *lastref_version(void);

/**
 * lastref_set_leak_mode() - switch leak checking on or off
 * @mode: the new mode; a value that is none of the enum counts as LASTREF_LEAKS_OFF
 *
 * May be called at any time. Objects born while checking was off are not known and never reported; objects registered before
 * it was switched off leave the registry as they die.
 */
LASTREF_API void lastref_set_leak_mode(enum lastref_leak_mode mode);

/** lastref_get_leak_mode() - the mode now, from the environment or from lastref_set_leak_mode(). */
LASTREF_API enum lastref_leak_mode lastref_get_leak_mode(void);

/**
 * lastref_register() - an object that counts by hand is born
 * @type: its type; the runtime copies what it needs
 * @object: its address, the name by which it is unregistered
 *
 * Does nothing while checking is off. Registering an address that is registered is misuse: reported with both sites, and
 * aborts unless a handler returns; the first registration stands then.
 */
LASTREF_API void lastref_register(const struct lastref_type *type, const void *object);

/**
 * lastref_unregister() - an object that counts by hand dies
 * @type: its type
 * @object: the address that was registered
 *
 * Call it at the end of the destructor, before the memory is given back. If the object was never registered although
 * checking has been on since the program started, that is misuse: a type that forgets to register is found here. If
 * checking was ever off, it is only counted, and the report says how many.
 */
LASTREF_API void lastref_unregister(const struct lastref_type *type, const void *object);

/**
 * lastref_log_ref() - write a line to the event log for a ref of a hand-written count
 * @type: its type; nothing is written unless its .log is set or `LASTREF=log=GLOB` matches its name
 * @object: the object
 * @count: the number of references that resulted
 *
 * Does nothing while checking is off.
 */
LASTREF_API void lastref_log_ref(const struct lastref_type *type, const void *object, int64_t count);

/** lastref_log_tryref() - as lastref_log_ref(), for a tryref that succeeded. */
LASTREF_API void lastref_log_tryref(const struct lastref_type *type, const void *object,
				    int64_t count);

/** lastref_log_unref() - as lastref_log_ref(), for an unref. */
LASTREF_API void lastref_log_unref(const struct lastref_type *type, const void *object,
				   int64_t count);

/**
 * lastref_leak_check() - report every object that is live now
 *
 * For the moment when nothing counted should be left: the end of a server's shutdown, of a test. Writes one report, where
 * `output=` says (standard error by default), if any object is live. May be called again; the check at exit does not repeat
 * what was reported here. With LASTREF_LEAKS_PANIC it aborts after a report that names a leak. Waits while another thread's check asks objects, but not for
 * ever: see lastref(3).
 *
 * Return: how many live objects there are; 0 while checking is off.
 */
LASTREF_API size_t lastref_leak_check(void);

/** lastref_live_objects() - how many objects are registered now. Exact when no other thread is at work. */
LASTREF_API size_t lastref_live_objects(void);

/**
 * lastref_checkpoint_now() - a moment for lastref_leaks_since()
 *
 * A few nanoseconds. After 2^28 calls it returns the last checkpoint again.
 */
LASTREF_API lastref_checkpoint lastref_checkpoint_now(void);

/**
 * lastref_leaks_since() - report what was born since a checkpoint and is live now
 * @since: from lastref_checkpoint_now(); 0 is the program's start
 *
 * As lastref_leak_check(), for one request or one test. What other threads made meanwhile counts too. Objects inside their destructor
 * do not: they are about to go. Nor does what rests in a cache (struct lastref_cache_count), or is held by nothing but what rests
 * there, be that older than @since: a request that fills a cache leaks nothing. What it holds is what .owns or .visit of its type
 * say, since a pointer that is only found in it may be the link of a list. A report says how many such objects there are if it
 * is made of others; lastref_leak_check() and the check at exit tell of them. It takes a look at each live object of the process,
 * some nanoseconds; and where anything was left behind, analyzes that, and the caches.
 *
 * Return: how many such objects there are; 0 while checking is off. Within a function that a check calls, and while the process
 * exits, it only counts what was born since, and what rests is counted too.
 */
LASTREF_API size_t lastref_leaks_since(lastref_checkpoint since);

/**
 * lastref_ignore() - an object that lives until the program ends, on purpose: a singleton, a cache
 * @object: a registered object; of several at this address, all that are found
 * @reason: for the report, which tells how many objects are ignored and why; copied. May be NULL
 *
 * It is in no report from now on, nor is what only ignored objects hold; lastref_live_objects() counts it. Fast if the calling thread made it a moment
 * ago, else a look at each live object. Of an object that is ignored already the first reason stands. One that is not registered is counted, and the report says so; while checking is off, nothing happens.
 */
LASTREF_API void lastref_ignore(const void *object, const char *reason);

/**
 * lastref_snapshot() - write what is live now into a file, for `lastref report`
 * @path: of the file; replaced if it is there. The file is there whole or not at all. Of threads that write the same one at once, the last one's stays
 *
 * Nothing is reported and nothing is marked; the program goes on. Not async-signal-safe: for that there is `signal=` in lastref-env(7).
 *
 * Return: 0 or a negative errno: -ENODATA while checking is off; -EEXIST if @path is there and no regular file, a symbolic
 * link too; -ECANCELED in the child of a fork that .visit or the like made for this; what open(2), write(2) and rename(2) fail with; -ENOMEM.
 */
LASTREF_API int lastref_snapshot(const char *path);

/**
 * lastref_set_report_handler() - be given the reports of checks, in place of the file or standard error
 * @handler: called for each report of lastref_leak_check(), lastref_leaks_since() and of the check at exit (under `lastref run` the report at
 *	exit is made by that); NULL restores the default
 * @context: passed to @handler
 *
 * It is called with no lock of the library held, and may call the library.
 */
LASTREF_API void lastref_set_report_handler(lastref_report_handler handler, void *context);

/**
 * lastref_set_misuse_handler() - be told of a misuse instead of aborting
 * @handler: called after the message was composed and instead of printing it; NULL restores the default (print, abort)
 * @context: passed to @handler
 *
 * If the handler returns, the program goes on: the misused object leaks, and no later misuse destroys it. (Two misuses by two threads
 * within one last unref are beyond that.) A handler that leaves by longjmp() or an exception keeps the memory of its message.
 */
LASTREF_API void lastref_set_misuse_handler(lastref_misuse_handler handler, void *context);

/**
 * lastref_ref() - take a reference through a type descriptor
 * @type: the object's type: x_ref_type() of the template, or one written by hand with .ref set
 * @object: not NULL
 *
 * Return: @object.
 */
LASTREF_API void *lastref_ref(const struct lastref_type *type, void *object);

/** lastref_tryref() - as lastref_ref(), if the object is still alive. Return: @object, or NULL once dead. */
LASTREF_API void *lastref_tryref(const struct lastref_type *type, void *object);

/** lastref_unref() - give up a reference; destroys on the last. @object may be NULL. Return: NULL, always. */
LASTREF_API void *lastref_unref(const struct lastref_type *type, void *object);

/** lastref_ref_count() - the count, for display; -1 if the type has no .count. */
LASTREF_API int64_t lastref_ref_count(const struct lastref_type *type, const void *object);

/*
 * What the template of object.h calls. Not for use by hand.
 */

/* Registers the object and stores its index in @index. @count is for the event log. Called with bit 0 of lastref_watch set. */
LASTREF_API void lastref_object_born(const struct lastref_type *type, const void *object,
				     uint32_t *index, int64_t count);

/*
 * The last reference is gone and the destructor is about to run. @index is the object's, not 0. Returns it, or 0 if it is not
 * known (born before a fork, or overwritten).
 */
LASTREF_API uint32_t lastref_object_dying(const struct lastref_type *type, const void *object,
					  uint32_t index);

/* The destructor has returned; the object's memory may be gone. @index is what lastref_object_dying() returned. */
LASTREF_API void lastref_object_died(uint32_t index);

/*
 * The operations with bit 1 of lastref_watch set: they count as their inline forms do, and log. @kind is that of kinds.h, @count
 * the place of such a count. lastref_watched_ref() returns the object.
 */
LASTREF_API void *lastref_watched_ref(const struct lastref_type *type, void *object, unsigned kind,
				      void *count);
LASTREF_API bool lastref_watched_tryref(const struct lastref_type *type, const void *object,
					unsigned kind, void *count);
LASTREF_API bool lastref_watched_unref(const struct lastref_type *type, const void *object,
				       unsigned kind, void *count);
LASTREF_API bool lastref_watched_unref_unless_last(const struct lastref_type *type,
						   const void *object, unsigned kind, void *count);

#ifdef __cplusplus
}
#endif

LASTREF_INLINE_ void lastref_death_begin_(struct lastref_death_ *death,
					  const struct lastref_type *type, const void *object,
					  uint32_t index)
{
	death->index = lastref_object_dying(type, object, index);
}

LASTREF_INLINE_ void lastref_death_end_(struct lastref_death_ death)
{
	lastref_object_died(death.index);
}

#endif

#endif
