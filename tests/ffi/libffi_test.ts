import { assertEquals } from "@std/assert";
import { addressOf } from "../../ffi/libc.ts";
import { bindFunction } from "../../ffi/libffi.ts";

const linker = Deno.dlopen("libc.so.6", {
  dlsym: { parameters: ["u64", "buffer"], result: "u64" },
});

function address(name: string): bigint {
  return linker.symbols.dlsym(0n, new TextEncoder().encode(`${name}\0`));
}

for (const libffi of [true, false]) {
  const how = libffi ? "libffi if installed" : "UnsafeFnPointer";
  Deno.test(`bindFunction() calls a function with changing arguments through ${how}`, () => {
    const a = new Uint8Array(new TextEncoder().encode("abc"));
    const b = new Uint8Array(new TextEncoder().encode("abd"));
    const call = bindFunction(
      address("memcmp"),
      [addressOf(a), addressOf(b), 2n],
      libffi,
    );
    assertEquals(call.call(), 0);
    call.set(2, 3, 0);
    assertEquals(Math.sign(call.call()), -1);
    const other = addressOf(a);
    call.set(1, Number(other & 0xffffffffn), Number(other >> 32n));
    assertEquals(call.call(), 0);
  });
}
