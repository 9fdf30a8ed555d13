#!/usr/bin/env Rscript
# Looks over an exported graph, with R alone (igraph, tidygraph, ggraph; ggplot2 comes with it):
#
#   Rscript scripts/eda.R FOLDER OUT
#
# FOLDER holds vertices.csv and edges.csv, as `netgraph export` writes them (any profile). OUT gets
#   summary.md            counts, layers, the strongest vertices and edges, communities
#   vertices.csv          degrees, strengths, PageRank and community of every vertex
#   weights.png degrees.png strengths.png layers.png communities.png
# Structure is read from |weight|: igraph's PageRank and communities refuse signs.

SHOWN <- 2000  # edges drawn, the strongest
TOP <- 15  # rows of the tables in summary.md
ORANGE <- "#D55E00"; BLUE <- "#0072B2"; GREY <- "#999999"  # told apart by everyone
PALETTE <- c("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

complain <- function(...) {
    message("eda.R: ", ...)
    quit(status = 1)
}

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 2) complain("expected two arguments: Rscript scripts/eda.R FOLDER OUT")
folder <- arguments[1]
out <- arguments[2]
for (package in c("igraph", "tidygraph", "ggraph", "ggplot2")) {
    if (!requireNamespace(package, quietly = TRUE)) {
        complain("the package ", package, " is missing: install.packages(\"", package, "\")")
    }
}
options(lifecycle_verbosity = "quiet")  # ggraph lags behind ggplot2's names
suppressPackageStartupMessages({
    library(igraph)
    library(tidygraph)
    library(ggraph)
    library(ggplot2)
})

# -- the graph -----------------------------------------------------------------------------------

read_table <- function(name, columns) {
    path <- file.path(folder, name)
    if (!file.exists(path)) complain(path, " is not there; expected a folder that `netgraph export` wrote")
    table <- read.csv(path, check.names = FALSE)
    names(table) <- sub("^from_id$", "source", sub("^to_id$", "target", names(table)))
    missing <- setdiff(columns, names(table))
    if (length(missing)) complain(path, " has no column ", missing[1], "; `netgraph check ", folder, "` says more")
    table[c(columns, setdiff(names(table), columns))]
}

vertices <- read_table("vertices.csv", "id")
edges <- read_table("edges.csv", c("source", "target"))
if (!nrow(edges)) complain(folder, " has no edges: there is nothing to look at")
if (is.null(edges$weight)) edges$weight <- 1
edges$signed <- if (is.null(edges$signed_weight)) edges$weight else edges$signed_weight
edges$weight <- abs(edges$signed)
if (is.null(vertices$layer)) vertices$layer <- "all"
vertices$layer <- factor(vertices$layer, levels = unique(vertices$layer))
dir.create(out, recursive = TRUE, showWarnings = FALSE)

graph <- graph_from_data_frame(edges, vertices = vertices)
set.seed(0)

# -- measures ------------------------------------------------------------------------------------

undirect <- if (exists("as_undirected")) as_undirected else as.undirected  # igraph 2 and 1
plain <- undirect(graph, mode = "collapse", edge.attr.comb = list(weight = "sum", "ignore"))
communities <- list(
    louvain = cluster_louvain(plain, weights = E(plain)$weight),
    leiden = cluster_leiden(plain, objective_function = "modularity", weights = E(plain)$weight, n_iterations = 10)
)
qualities <- sapply(communities, function(found) modularity(plain, membership(found), weights = E(plain)$weight))
best <- communities[[which.max(qualities)]]

measures <- data.frame(
    id = V(graph)$name,
    layer = vertices$layer,
    in_degree = degree(graph, mode = "in"),
    out_degree = degree(graph, mode = "out"),
    in_strength = strength(graph, mode = "in"),
    out_strength = strength(graph, mode = "out"),
    pagerank = page_rank(graph)$vector,
    community = as.integer(membership(best)),
    row.names = NULL
)
write.csv(measures, file.path(out, "vertices.csv"), row.names = FALSE)

# -- pictures ------------------------------------------------------------------------------------

theme_set(theme_minimal(base_size = 12))
save_picture <- function(name, picture, height = 5) {
    ggsave(file.path(out, name), picture, width = 9, height = height, dpi = 110, bg = "white")
}

weights <- ggplot(edges, aes(signed)) +
    geom_histogram(bins = 80, fill = BLUE) +
    geom_vline(xintercept = 0, colour = GREY) +
    labs(x = "weight", y = "edges", title = "Weights of the edges")
if (!is.null(edges$kind) && length(unique(edges$kind)) > 1) weights <- weights + facet_wrap(~kind, scales = "free")
save_picture("weights.png", weights)

both_ways <- function(what) {
    way <- function(name) {
        value <- measures[[paste(name, what, sep = "_")]]
        there <- ave(value, measures$layer, FUN = sum) > 0  # inputs have no edges in, outputs none out
        data.frame(layer = measures$layer, way = name, value = value)[there, ]
    }
    rbind(way("in"), way("out"))
}
histogram_of <- function(what, title) {
    ggplot(both_ways(what), aes(value, fill = layer)) +
        geom_histogram(bins = 40) +
        facet_wrap(~way, scales = "free") +
        scale_fill_manual(values = rep(PALETTE, length.out = nlevels(measures$layer))) +
        labs(x = what, y = "vertices", title = title)
}
save_picture("degrees.png", histogram_of("degree", "Edges into and out of a vertex"))
save_picture("strengths.png", histogram_of("strength", "Sum of |weight| into and out of a vertex"))

grouped <- function(number) format(number, big.mark = ",")
strongest <- edges[order(-edges$weight, seq_len(nrow(edges))), ][seq_len(min(SHOWN, nrow(edges))), ]
share <- sum(strongest$weight) / sum(edges$weight)
strongest <- strongest[nrow(strongest):1, ]  # the strongest are drawn last, on top
nodes <- transform(measures, strength = in_strength + out_strength, community = factor(community))
tidy <- tbl_graph(nodes, strongest[c("source", "target", "signed", "weight")], node_key = "id")
if (!all(c("x", "y") %in% names(vertices))) {  # a column a layer
    vertices$x <- as.integer(vertices$layer)
    inside <- ave(vertices$x, vertices$layer, FUN = seq_along)
    vertices$y <- -(inside - 0.5) / ave(vertices$x, vertices$layer, FUN = length)
}
drawn <- create_layout(tidy, "manual", x = vertices$x, y = vertices$y)
draw <- function(colour, title) {
    edge <- geom_edge_link0(aes(edge_colour = signed, edge_alpha = weight), edge_width = 0.35)
    vertex <- geom_node_point(aes(size = strength, fill = .data[[colour]]), shape = 21, colour = "white", stroke = 0.3)
    many <- nlevels(nodes[[colour]])
    ggraph(drawn) + edge + vertex +
        scale_edge_colour_gradient2(
            low = ORANGE, mid = "#DDDDDD", high = BLUE, name = "weight", limits = c(-1, 1) * max(strongest$weight)
        ) +
        scale_edge_alpha(range = c(0.1, 1), guide = "none") +
        scale_size_area(
            max_size = max(1, min(6, 6 * sqrt(200 / nrow(nodes)))),
            guide = guide_legend(override.aes = list(fill = GREY))
        ) +
        scale_fill_manual(
            values = rep(PALETTE, length.out = many),
            guide = if (many > 12) "none" else guide_legend(override.aes = list(size = 4))
        ) +
        theme_graph(base_family = "sans", background = "white") +
        labs(title = title, subtitle = if (share == 1) paste("all", grouped(nrow(edges)), "edges") else sprintf(
            "the %s strongest of %s edges, %.0f %% of all |weight|",
            grouped(nrow(strongest)), grouped(nrow(edges)), 100 * share
        ))
}
save_picture("layers.png", draw("layer", "Layers"), height = 7)
save_picture("communities.png", draw("community", sprintf("Communities (modularity %.3f)", max(qualities))), height = 7)

# -- the summary ---------------------------------------------------------------------------------

cells <- function(column) {
    if (is.numeric(column)) format(column, digits = 4, trim = TRUE, scientific = FALSE) else as.character(column)
}
markdown <- function(table) {
    safe <- function(text) gsub("|", "\\|", text, fixed = TRUE)
    rows <- do.call(paste, c(lapply(table, function(column) safe(cells(column))), sep = " | "))
    head <- paste(safe(names(table)), collapse = " | ")
    c(paste0("| ", c(head, paste(rep("---", ncol(table)), collapse = " | "), rows), " |"), "")
}
first <- function(table, by) head(table[order(-table[[by]], seq_len(nrow(table))), ], TOP)
per_layer <- do.call(rbind, lapply(split(measures, measures$layer), function(part) {
    data.frame(
        layer = part$layer[1], vertices = nrow(part), edges_in = sum(part$in_degree),
        mean_in_strength = mean(part$in_strength), mean_out_strength = mean(part$out_strength),
        communities = length(unique(part$community))
    )
}))
sizes <- sort(table(measures$community), decreasing = TRUE)
agreement <- if (is.null(vertices$module)) NULL else {
    compare(membership(best), vertices$module + 1, method = "adjusted.rand")
}
writeLines(c(
    paste("#", basename(normalizePath(folder))), "",
    sprintf("%s vertices, %s edges, %d layers.",
            grouped(vcount(graph)), grouped(ecount(graph)), nlevels(measures$layer)),
    sprintf("Weights: %.3g to %.3g, mean %.3g, mean of |weight| %.3g; %.1f %% of the edges are negative.",
            min(edges$signed), max(edges$signed), mean(edges$signed), mean(edges$weight), 100 * mean(edges$signed < 0)),
    "", "## Layers", "", markdown(per_layer),
    "## Strongest vertices", "",
    markdown(first(nodes[c("id", "layer", "strength", "in_degree", "out_degree")], "strength")),
    "## Most central vertices (PageRank)", "",
    markdown(first(measures[c("id", "layer", "pagerank", "community")], "pagerank")),
    "## Strongest edges", "",
    markdown(setNames(first(edges[c("source", "target", "signed", "weight")], "weight"),
                      c("source", "target", "weight", "|weight|"))),
    "## Communities", "",
    sprintf("Newman's modularity of |weight|, without directions: louvain %.4f, leiden %.4f. It sees depth before",
            qualities[["louvain"]], qualities[["leiden"]]),
    "it sees modules; `netgraph modules` asks within each pair of layers.",
    if (!is.null(agreement)) sprintf("Agreement with the column module (adjusted Rand index): %.3f.", agreement), "",
    markdown(data.frame(community = names(sizes), vertices = as.integer(sizes)))
), file.path(out, "summary.md"))
cat(file.path(out, "summary.md"), "\n", sep = "")
