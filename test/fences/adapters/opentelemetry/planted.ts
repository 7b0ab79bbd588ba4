import "@opentelemetry/api";
import "@opentelemetry/semantic-conventions/incubating";
import "../../core/money.js";
import "../../ports/tracer.js";
import "./other.js";
import "ioredis"; // breaks style/noRestrictedImports
import "../pino/logger.js"; // breaks style/noRestrictedImports
import "@temporalio/worker"; // breaks style/noRestrictedImports
