/** Program that builds the images of the virtual machines if they are missing. The test runner starts it. */

import { provideImages } from "./images.ts";

const encoder = new TextEncoder();
await provideImages((text) => void Deno.stdout.writeSync(encoder.encode(text)));
