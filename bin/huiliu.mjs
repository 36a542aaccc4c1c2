#!/usr/bin/env node
// `npx huiliu …`: runs bin/huiliu.ts on Node 24, installing first where nothing is installed yet.
import { handOver, prepare } from "./setup.mjs";

prepare();
handOver("huiliu.ts", process.argv.slice(2));
