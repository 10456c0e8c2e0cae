// The app behind Node's own HTTP server: says what it was asked.
"use strict";

const { createHash } = require("node:crypto");
const { createServer } = require("node:http");

createServer((request, response) => {
  const digest = createHash("sha256");
  let size = 0;
  request.on("data", (piece) => {
    digest.update(piece);
    size += piece.length;
  });
  request.on("end", () => {
    const headers = [];
    for (let index = 0; index < request.rawHeaders.length; index += 2) {
      headers.push(request.rawHeaders.slice(index, index + 2));
    }
    const answer = JSON.stringify({
      method: request.method,
      headers,
      body_bytes: size,
      body_sha256: digest.digest("hex"),
    });
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(answer);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
