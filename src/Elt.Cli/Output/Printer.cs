using System.Text.Json;
using Elt.Service.Api;
using Spectre.Console;

namespace Elt.Cli.Output;

/// <summary>Writes data to stdout in the format that was asked for.</summary>
internal sealed class Printer(OutputFormat format, IAnsiConsole console, TextWriter output)
{
    public OutputFormat Format => format;

    /// <summary>Many items.</summary>
    public void Items<T>(JsonElement items, Func<T, string> id, params Column<T>[] columns)
    {
        switch (format)
        {
            case OutputFormat.Json:
                output.WriteLine(JsonSerializer.Serialize(items, ApiJson.Indented));
                break;
            case OutputFormat.Jsonl:
                foreach (var item in items.EnumerateArray())
                    output.WriteLine(JsonSerializer.Serialize(item, ApiJson.Options));
                break;
            case OutputFormat.Id:
                foreach (var item in Read<T>(items))
                    output.WriteLine(id(item));
                break;
            default:
                Table(Read<T>(items), columns);
                break;
        }
    }

    /// <summary>One item; <paramref name="table"/> writes it for people.</summary>
    public void Item(JsonElement item, string id, Action table)
    {
        switch (format)
        {
            case OutputFormat.Json:
                output.WriteLine(JsonSerializer.Serialize(item, ApiJson.Indented));
                break;
            case OutputFormat.Jsonl:
                output.WriteLine(JsonSerializer.Serialize(item, ApiJson.Options));
                break;
            case OutputFormat.Id:
                output.WriteLine(id);
                break;
            default:
                table();
                break;
        }
    }

    /// <summary>A name and a value on each line; names without a value are left out.</summary>
    public void Lines(params (string Name, string? Value)[] lines)
    {
        var shown = lines.Where(line => !string.IsNullOrEmpty(line.Value)).ToArray();
        var width = shown.Max(line => line.Name.Length) + 2;
        foreach (var (name, value) in shown)
            output.WriteLine(name.PadRight(width) + value);
    }

    /// <summary>The result of a workflow, whatever its shape: plain members as lines, lists of objects as tables.</summary>
    public void Result(JsonElement? result)
    {
        if (result is not { ValueKind: JsonValueKind.Object } members)
        {
            if (CellText.Json(result) is { Length: > 0 } text)
                output.WriteLine(text);
            return;
        }
        var plain = members.EnumerateObject().Where(member => !IsTable(member.Value)).ToArray();
        if (plain.Length > 0)
            Lines([.. plain.Select(member => (member.Name, (string?)CellText.Json(member.Value)))]);
        foreach (var member in members.EnumerateObject().Where(member => IsTable(member.Value)))
        {
            output.WriteLine();
            ResultTable([.. member.Value.EnumerateArray()]);
        }
    }

    private void ResultTable(IReadOnlyList<JsonElement> rows)
    {
        var names = rows.SelectMany(row => row.EnumerateObject().Select(member => member.Name)).Distinct();
        Table(rows, [.. names.Select(name => new Column<JsonElement>(
            name,
            row => row.TryGetProperty(name, out var value) ? CellText.Json(value) : "",
            Whole: true,
            Right: rows.All(row => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number)))]);
    }

    private void Table<T>(IReadOnlyList<T> rows, IReadOnlyList<Column<T>> columns)
    {
        var table = new Table { Border = TableBorder.None, ShowHeaders = true };
        foreach (var column in columns)
        {
            var heading = new TableColumn(new Text(column.Title, new Style(decoration: Decoration.Bold))) { NoWrap = column.Whole };
            table.AddColumn(column.Right ? heading.RightAligned() : heading);
        }
        foreach (var row in rows)
            table.AddRow(columns.Select(column => Cell(column, row)).ToArray<Spectre.Console.Rendering.IRenderable>());

        // Columns that must stay whole may take more room than the terminal has: then it wraps the line, and nothing is lost.
        var needed = columns.Sum(column => 2 + (column.Whole ? Widest(column, rows) : Math.Min(20, Widest(column, rows))));
        var natural = columns.Sum(column => 2 + Widest(column, rows));
        console.Profile.Width = console.Profile.Out.IsTerminal ? Math.Max(console.Profile.Width, needed) : natural + 2;
        console.Write(table);
    }

    private static Text Cell<T>(Column<T> column, T row)
    {
        var text = (column.Value(row) ?? "").ReplaceLineEndings(" ");
        return new Text(text, StatusStyle.Of(text)) { Overflow = column.Whole ? Overflow.Fold : null };
    }

    private static int Widest<T>(Column<T> column, IEnumerable<T> rows) =>
        rows.Select(row => (column.Value(row) ?? "").GetCellWidth()).Append(column.Title.Length).Max();

    private static bool IsTable(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
        && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object);

    private static T[] Read<T>(JsonElement items) => items.Deserialize<T[]>(ApiJson.Options)!;
}
