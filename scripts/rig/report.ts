/** Figures in the output, which no test judges. */

const encoder = new TextEncoder();

export function report(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`measured: ${text}\n`));
}
