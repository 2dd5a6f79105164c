/* SPDX-License-Identifier: Apache-2.0 */
/* The macros for classes of which C++ does not promise an offsetof. Compiled, not run. */
#include <lastref/lastref.h>

#include <string>

class shape
{
      public:
	virtual ~shape() = default;
	struct lastref_count refs;

      private:
	std::string name;
};

static void shape_destroy(shape *s)
{
	delete s;
}

LASTREF_DEFINE(shape, shape, refs, shape_destroy);

class circle : public shape
{
};

static const lastref_type circle_options = LASTREF_TYPE("circle", circle);

LASTREF_DEFINE_TYPE(circle, circle, refs, nullptr, &circle_options);

namespace names
{
struct square : public shape {
};
} // namespace names

LASTREF_DECLARE(square, names::square);
LASTREF_DEFINE_EXTERN(square, names::square, refs, shape_destroy);

int main()
{
	shape *s = new shape;
	circle c;
	names::square *q = new names::square;

	shape_ref_init(s);
	shape_unref(s);
	circle_ref_init(&c);
	circle_unref(&c);
	square_ref_init(q);
	square_unref(q);
	return 0;
}
