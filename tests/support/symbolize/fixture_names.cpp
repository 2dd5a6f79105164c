/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that no other file can call. gcc puts the qualified name of one into the symbol table alone, and that of one that is inlined
 * nowhere: what stands around its entry tells it.
 */
namespace ns
{
namespace
{
struct gate {
	int value;
	__attribute__((noinline)) int pass(int other);
};

volatile int input = 3;

template <int times> __attribute__((always_inline)) inline int scaled(int value)
{
	return value * times + input;
}

int gate::pass(int other)
{
	return scaled<3>(value) * other;
}
} // namespace
} // namespace ns

int fixture_names(int value);

int fixture_names(int value)
{
	struct local {
		__attribute__((always_inline)) static int twice(int number)
		{
			auto add = [number](int other) __attribute__((always_inline))
			{
				return number + other + ns::input;
			};

			return add(number);
		}
	};
	ns::gate gate = { value };

	return gate.pass(value) + gate.pass(local::twice(ns::input));
}
