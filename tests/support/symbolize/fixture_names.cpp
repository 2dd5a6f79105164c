/* SPDX-License-Identifier: Apache-2.0 */
/* A function that no other file can call: its qualified name is in the symbol table alone. */
namespace ns
{
namespace
{
struct gate {
	int value;
	__attribute__((noinline)) int pass(int other);
};

volatile int input = 3;

int gate::pass(int other)
{
	return value * other + input;
}
}
}

int fixture_names(int value);

int fixture_names(int value)
{
	ns::gate gate = { value };

	return gate.pass(value) + gate.pass(ns::input);
}
