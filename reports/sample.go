package reports

// Sample thins points out to at most about limit of them, for drawing. Time is cut into equal slices;
// each slice keeps its slowest success and its slowest failure, so that a single slow or
// lost operation among thousands of fast ones is never hidden. The order of points is kept; points must be in
// order of At. A limit below 2 counts as 2.
func Sample(points []Point, limit int) []Point {
	limit = max(limit, 2)
	if len(points) <= limit {
		return points
	}
	first, last := points[0].At, points[len(points)-1].At
	slices := int64(limit / 2)
	width := max((int64(last-first)+slices)/slices, 1)
	var out []Point
	for i := 0; i < len(points); {
		slice := int64(points[i].At-first) / width
		ok, bad, j := -1, -1, i
		for ; j < len(points) && int64(points[j].At-first)/width == slice; j++ {
			best := &ok
			if !points[j].OK {
				best = &bad
			}
			if *best < 0 || points[j].LatencyNS > points[*best].LatencyNS {
				*best = j
			}
		}
		out = appendPicked(out, points, min(ok, bad), max(ok, bad))
		i = j
	}
	return out
}

// appendPicked appends the points with the given indexes in this order; -1 stands for none.
func appendPicked(out, points []Point, indexes ...int) []Point {
	for _, i := range indexes {
		if i >= 0 {
			out = append(out, points[i])
		}
	}
	return out
}
