/** Symbol table of libpcap, without policy. */

/** The names of the library: Debian's, and that of other distributions. */
const LIBRARIES = ["libpcap.so.0.8", "libpcap.so.1"];

const symbols = {
  // pcap_t *pcap_open_dead(int linktype, int snaplen)
  pcap_open_dead: { parameters: ["i32", "i32"], result: "pointer" },
  // int pcap_compile(pcap_t *p, struct bpf_program *fp, const char *str, int optimize, bpf_u_int32 netmask)
  pcap_compile: {
    parameters: ["pointer", "buffer", "buffer", "i32", "u32"],
    result: "i32",
  },
  // char *pcap_geterr(pcap_t *p)
  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  pcap_close: { parameters: ["pointer"], result: "void" },
  // u_int bpf_filter(const struct bpf_insn *pc, const u_char *p, u_int wirelen, u_int buflen)
  bpf_filter: { parameters: ["u64", "u64", "u32", "u32"], result: "u32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of libpcap that the program uses. */
export type Libpcap = Deno.DynamicLibrary<typeof symbols>["symbols"];

/** Offset of the address of the instructions in struct bpf_program, and its size. */
export const BPF_PROGRAM_INSNS = 8;
export const BPF_PROGRAM_SIZE = 16;

let opened: Libpcap | undefined;

/** Returns the library, opened at the first call. Throws the error of `Deno.dlopen` if it is missing. */
export function libpcap(): Libpcap {
  return opened ??= open();
}

function open(): Libpcap {
  let failure: unknown;
  for (const name of LIBRARIES) {
    try {
      return Deno.dlopen(name, symbols).symbols;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
