import { writeBackContract } from "../write-backs.ts";
import { writeBackWorld } from "./world.ts";

writeBackContract("PostgreSQL", writeBackWorld);
