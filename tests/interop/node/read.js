// Reads a GEXF or GraphML file with graphology's parsers and prints what they found:
// node read.js FILE -> {"directed", "nodes": [[id, attributes]…], "edges": [[source, target, attributes]…]}
const fs = require('fs');
const Graph = require('graphology');
const readers = {gexf: require('graphology-gexf'), graphml: require('graphology-graphml')};

const path = process.argv[2];
const graph = readers[path.split('.').pop()].parse(Graph, fs.readFileSync(path, 'utf-8'));
console.log(JSON.stringify({
  directed: graph.type,
  nodes: graph.mapNodes((id, attributes) => [id, attributes]),
  edges: graph.mapEdges((_, attributes, source, target) => [source, target, attributes]),
}));
