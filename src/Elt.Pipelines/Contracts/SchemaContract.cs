namespace Elt.Pipelines.Contracts;

/// <summary>
/// What becomes of records that have another form than the records before them. It belongs to the connector, since only its mapping says what a field is, and it is
/// pinned with it: a run judges its last page as it did its first one.
/// </summary>
internal sealed record SchemaContract
{
    /// <summary>
    /// Of a member that nothing in the connector names and no earlier complete run has read; the first one learns. Default evolve: it is kept among the attributes,
    /// where the dataset has them.
    /// </summary>
    public ContractMode NewField { get; init; }

    /// <summary>
    /// Of a mapped value that is none of its column's type, or that stands in a text column and is of another JSON type than complete runs have read there. Default
    /// evolve: what a text can hold without loss is taken (numbers and booleans), all else puts the record into quarantine.
    /// </summary>
    public ContractMode TypeChange { get; init; }
}

internal enum ContractMode
{
    /// <summary>It is taken where nothing is lost.</summary>
    Evolve,

    /// <summary>The run fails, and nothing of it is applied.</summary>
    Freeze,

    /// <summary>The record goes to quarantine.</summary>
    DiscardRow,

    /// <summary>The record is taken without the value.</summary>
    DiscardValue,
}

/// <summary>Records of a run have a form that its connector's contract does not allow: nothing of the run is applied.</summary>
/// <param name="message">Which fields, of what type, and what to do.</param>
public sealed class SchemaContractException(string message) : Exception(message);
