import { journalContract } from "../journal.ts";
import { journalWorld } from "./world.ts";

journalContract("PostgreSQL", journalWorld);
