// SPDX-License-Identifier: BSD-2-Clause
#include "render/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include <cairo-svg.h>
#include <cairo.h>
#include <fmt/format.h>

namespace xdemux {
namespace {

constexpr double width = 800;
constexpr double panel_height = 260;
constexpr double title_height = 30;
constexpr double left = 90, right = 20, above = 30, below = 50;

struct Colour {
    double red, green, blue;
};
/// Okabe and Ito's, which people of any colour vision can tell apart.
constexpr std::array<Colour, 6> colours = {{{0.00, 0.45, 0.70},
                                            {0.84, 0.37, 0.00},
                                            {0.00, 0.62, 0.45},
                                            {0.80, 0.47, 0.65},
                                            {0.34, 0.71, 0.91},
                                            {0.90, 0.62, 0.00}}};
constexpr Colour ink{0.15, 0.15, 0.15};
constexpr Colour faint{0.85, 0.85, 0.85};

/// The greatest of 1, 2 and 5 times a power of ten of which `most` has at least four.
double tick_step(double most) {
    const double scale = std::pow(10, std::floor(std::log10(most / 4)));
    const double share = most / 4 / scale;
    return scale * (share >= 5 ? 5 : share >= 2 ? 2 : 1);
}

class Canvas {
  public:
    explicit Canvas(cairo_t* cairo) : cairo_(cairo) {
        cairo_select_font_face(cairo_, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    }
    void fill(double height) const {
        cairo_set_source_rgb(cairo_, 1, 1, 1);
        cairo_rectangle(cairo_, 0, 0, width, height);
        cairo_fill(cairo_);
    }
    void line(double x1, double y1, double x2, double y2, const Colour& colour, bool dashed = false) const {
        use(colour);
        constexpr double dash[] = {6, 4};
        cairo_set_dash(cairo_, dash, dashed ? 2 : 0, 0);
        cairo_set_line_width(cairo_, 1);
        cairo_move_to(cairo_, x1, y1);
        cairo_line_to(cairo_, x2, y2);
        cairo_stroke(cairo_);
        cairo_set_dash(cairo_, nullptr, 0, 0);
    }
    void path(const std::vector<std::pair<double, double>>& points, const Colour& colour) const {
        use(colour);
        cairo_new_path(cairo_);  // else it begins where the last text ended
        cairo_set_line_width(cairo_, 2);
        for (const auto& [x, y] : points)
            cairo_line_to(cairo_, x, y);
        cairo_stroke(cairo_);
    }
    /// `align` is 0 (from x on), 0.5 (around x) or 1 (up to x).
    void text(double x, double y, const std::string& what, double size, double align,
              const Colour& colour = ink) const {
        use(colour);
        cairo_set_font_size(cairo_, size);
        cairo_move_to(cairo_, x - align * width_of(what), y);
        cairo_show_text(cairo_, what.c_str());
    }
    void upright(double x, double y, const std::string& what, double size) const {
        cairo_save(cairo_);
        cairo_set_font_size(cairo_, size);
        cairo_translate(cairo_, x, y + width_of(what) / 2);
        cairo_rotate(cairo_, -std::acos(0.0));
        text(0, 0, what, size, 0);
        cairo_restore(cairo_);
    }

  private:
    void use(const Colour& colour) const { cairo_set_source_rgb(cairo_, colour.red, colour.green, colour.blue); }
    [[nodiscard]] double width_of(const std::string& what) const {
        cairo_text_extents_t extents;
        cairo_text_extents(cairo_, what.c_str(), &extents);
        return extents.x_advance;
    }

    cairo_t* cairo_;
};

/// From the panel's numbers to places on the canvas.
struct Frame {
    double top, most_x, most_y;

    [[nodiscard]] double bottom() const { return top + panel_height - above - below; }
    [[nodiscard]] double x(double value) const { return left + value / most_x * (width - left - right); }
    [[nodiscard]] double y(double value) const { return bottom() - value / most_y * (bottom() - top); }
};

double most_x_of(const Plot& plot) {
    double most = 0;
    for (const PlotPanel& panel : plot.panels)
        for (const PlotLine& line : panel.lines)
            for (const auto& [x, y] : line.points)
                most = std::max(most, x);
    return most > 0 ? most : 1;
}

double most_y_of(const PlotPanel& panel) {
    constexpr double headroom = 1.05;
    double most = panel.limit ? panel.limit->first : 0;
    for (const PlotLine& line : panel.lines)
        for (const auto& [x, y] : line.points)
            most = std::max(most, y);
    return most > 0 ? most * headroom : 1;
}

void draw_axes(const Canvas& canvas, const Frame& frame, const PlotPanel& panel, const std::string& x_label) {
    constexpr double small = 11, label = 12;
    for (double tick = 0, step = tick_step(frame.most_y); tick <= frame.most_y; tick += step) {
        canvas.line(left, frame.y(tick), width - right, frame.y(tick), faint);
        canvas.text(left - 8, frame.y(tick) + 4, fmt::format("{:g}", tick), small, 1);
    }
    for (double tick = 0, step = tick_step(frame.most_x); tick <= frame.most_x; tick += step) {
        canvas.line(frame.x(tick), frame.bottom(), frame.x(tick), frame.bottom() + 4, ink);
        canvas.text(frame.x(tick), frame.bottom() + 18, fmt::format("{:g}", tick), small, 0.5);
    }
    canvas.line(left, frame.bottom(), width - right, frame.bottom(), ink);
    canvas.line(left, frame.top, left, frame.bottom(), ink);
    canvas.text((left + width - right) / 2, frame.bottom() + 36, x_label, label, 0.5);
    canvas.upright(24, (frame.top + frame.bottom()) / 2, panel.y_label, label);
    canvas.text(left, frame.top - 10, panel.title, label, 0);
}

void draw_panel(const Canvas& canvas, const Frame& frame, const PlotPanel& panel, const std::string& x_label) {
    constexpr double small = 11;
    draw_axes(canvas, frame, panel, x_label);
    if (panel.limit) {
        canvas.line(left, frame.y(panel.limit->first), width - right, frame.y(panel.limit->first), ink, true);
        canvas.text(width - right - 4, frame.y(panel.limit->first) - 4, panel.limit->second, small, 1);
    }
    double legend = width - right;
    for (std::size_t i = panel.lines.size(); i-- > 0;) {
        const PlotLine& line = panel.lines[i];
        const Colour& colour = colours[i % colours.size()];
        std::vector<std::pair<double, double>> places;
        for (const auto& [x, y] : line.points)
            places.emplace_back(frame.x(x), frame.y(y));
        canvas.path(places, colour);
        canvas.text(legend, frame.top - 10, line.name, small, 1, colour);
        constexpr double per_letter = 6.5, gap = 16;
        legend -= per_letter * static_cast<double>(line.name.size()) + gap;
    }
}

void draw(const Plot& plot, cairo_t* cairo, double height) {
    const Canvas canvas(cairo);
    constexpr double large = 15;
    canvas.fill(height);
    canvas.text(width / 2, 22, plot.title, large, 0.5);
    const double most_x = most_x_of(plot);
    double top = title_height + above;
    for (const PlotPanel& panel : plot.panels) {
        draw_panel(canvas, {top, most_x, most_y_of(panel)}, panel, plot.x_label);
        top += panel_height;
    }
}

cairo_status_t write_piece(void* sink, const unsigned char* bytes, unsigned int length) {
    (*static_cast<const Sink*>(sink))({reinterpret_cast<const char*>(bytes), length});
    return CAIRO_STATUS_SUCCESS;
}

Status failed_with(cairo_status_t status) {
    if (status == CAIRO_STATUS_SUCCESS) return {};
    return fail(ErrorKind::failed, fmt::format("cannot draw the plot: {}", cairo_status_to_string(status)));
}

}  // namespace

Result<PlotFormat> plot_format(std::string_view file) {
    if (file.ends_with(".png")) return PlotFormat::png;
    if (file.ends_with(".svg")) return PlotFormat::svg;
    return fail(ErrorKind::usage, fmt::format("plot file \"{}\" ends neither in .png nor in .svg", file));
}

Status draw_plot(const Plot& plot, PlotFormat format, const Sink& sink) {
    const double height = title_height + panel_height * static_cast<double>(plot.panels.size());
    void* const closure = const_cast<Sink*>(&sink);
    using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
    const Surface surface(
        format == PlotFormat::svg
            ? cairo_svg_surface_create_for_stream(write_piece, closure, width, height)
            : cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)),
        cairo_surface_destroy);
    const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), cairo_destroy);
    draw(plot, cairo.get(), height);
    if (auto drawn = failed_with(cairo_status(cairo.get())); !drawn) return drawn;
    if (format == PlotFormat::png)
        return failed_with(cairo_surface_write_to_png_stream(surface.get(), write_piece, closure));
    cairo_surface_finish(surface.get());
    return failed_with(cairo_surface_status(surface.get()));
}

}  // namespace xdemux
