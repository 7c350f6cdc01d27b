"""The structure of ISO 19115-3 documents, by the standard's schemas: what holds what, in which order, how often.

The table is that of the schemas which ISO/TC 211 publishes (mdb, cit, mrl, msr 2.0; the others 1.0; mdq of 19157-2),
for the classes that are written.
"""

import re
from typing import Any

from lxml import etree

# Class: its properties in order; ? at most one, * any number, + at least one, nothing exactly one.
CLASSES = {
    "mdb:MD_Metadata": "metadataIdentifier? defaultLocale? parentMetadata? metadataScope* contact+ dateInfo+ "
    "metadataStandard* metadataProfile* alternativeMetadataReference* otherLocale* metadataLinkage* "
    "spatialRepresentationInfo* referenceSystemInfo* metadataExtensionInfo* identificationInfo+ contentInfo* "
    "distributionInfo* dataQualityInfo* resourceLineage* portrayalCatalogueInfo* metadataConstraints* "
    "applicationSchemaInfo* metadataMaintenance? acquisitionInformation*",
    "mdb:MD_MetadataScope": "resourceScope name?",
    "cit:CI_Citation": "title alternateTitle* date* edition? editionDate? identifier* citedResponsibleParty* "
    "presentationForm* series? otherCitationDetails* ISBN? ISSN? onlineResource* graphic*",
    "cit:CI_Date": "date dateType",
    "cit:CI_OnlineResource": "linkage protocol? applicationProfile? name? description? function? protocolRequest?",
    "cit:CI_Organisation": "name? contactInfo* partyIdentifier* logo* individual*",
    "cit:CI_Responsibility": "role extent* party+",
    "gex:EX_Extent": "description? geographicElement* temporalElement* verticalElement*",
    "gex:EX_GeographicBoundingBox": "extentTypeCode? westBoundLongitude eastBoundLongitude southBoundLatitude "
    "northBoundLatitude",
    "gex:EX_TemporalExtent": "extent",
    "lan:PT_Locale": "language country? characterEncoding",
    "mcc:MD_BrowseGraphic": "fileName fileDescription? fileType? imageConstraints* linkage*",
    "mcc:MD_Identifier": "authority? code codeSpace? version? description?",
    "mcc:MD_Scope": "level extent* levelDescription*",
    "mco:MD_LegalConstraints": "useLimitation* constraintApplicationScope? graphic* reference* releasability? "
    "responsibleParty* accessConstraints* useConstraints* otherConstraints*",
    "mdq:DQ_DataQuality": "scope standaloneQualityReport? report+",
    "mdq:DQ_CompletenessOmission": "standaloneQualityReportDetails? measure? evaluationMethod? result+ derivedElement*",
    "mdq:DQ_MeasureReference": "measureIdentification? nameOfMeasure* measureDescription?",
    "mdq:DQ_DescriptiveResult": "dateTime? resultScope? statement",
    "mdq:DQ_QuantitativeResult": "dateTime? resultScope? value+ valueUnit? valueRecordType?",
    "mmi:MD_MaintenanceInformation": "maintenanceAndUpdateFrequency? maintenanceDate* "
    "userDefinedMaintenanceFrequency? maintenanceScope* maintenanceNote* contact*",
    "mrd:MD_Distribution": "description? distributionFormat* distributor* transferOptions*",
    "mrd:MD_Format": "formatSpecificationCitation amendmentNumber? fileDecompressionTechnique? medium* "
    "formatDistributor*",
    "mrd:MD_DigitalTransferOptions": "unitsOfDistribution? transferSize? onLine* offLine* transferFrequency? "
    "distributionFormat*",
    "mri:MD_DataIdentification": "citation abstract purpose? credit* status* pointOfContact* "
    "spatialRepresentationType* spatialResolution* temporalResolution* topicCategory* extent* "
    "additionalDocumentation* processingLevel? resourceMaintenance* graphicOverview* resourceFormat* "
    "descriptiveKeywords* resourceSpecificUsage* resourceConstraints* associatedResource* defaultLocale? otherLocale* "
    "environmentDescription? supplementalInformation?",
    "mri:MD_AssociatedResource": "name? associationType initiativeType? metadataReference?",
    "mri:MD_Keywords": "keyword+ type? thesaurusName? keywordClass?",
    "mri:MD_Resolution": "equivalentScale? distance? vertical? angularDistance? levelOfDetail?",
    "mrl:LI_Lineage": "statement? scope? additionalDocumentation* source* processStep*",
    "mrl:LI_ProcessStep": "description rationale? stepDateTime? processor* reference* scope? source*",
    "mrl:LI_Source": "description? sourceSpatialResolution? sourceReferenceSystem? sourceCitation? sourceMetadata* "
    "scope? sourceStep*",
    "mrs:MD_ReferenceSystem": "referenceSystemIdentifier? referenceSystemType?",
    "msr:MD_VectorSpatialRepresentation": "scope? topologyLevel? geometricObjects*",
    "msr:MD_GeometricObjects": "geometricObjectType geometricObjectCount?",
}
# Property: what it may hold; of all others text.
VALUES = {
    "cit:citedResponsibleParty": "cit:CI_Responsibility",
    "cit:date": "cit:CI_Date gco:Date gco:DateTime",
    "cit:dateType": "cit:CI_DateTypeCode",
    "cit:editionDate": "gco:DateTime",
    "cit:function": "cit:CI_OnLineFunctionCode",
    "cit:identifier": "mcc:MD_Identifier",
    "cit:onlineResource": "cit:CI_OnlineResource",
    "cit:party": "cit:CI_Organisation",
    "cit:presentationForm": "cit:CI_PresentationFormCode",
    "cit:role": "cit:CI_RoleCode",
    "gex:eastBoundLongitude": "gco:Decimal",
    "gex:westBoundLongitude": "gco:Decimal",
    "gex:northBoundLatitude": "gco:Decimal",
    "gex:southBoundLatitude": "gco:Decimal",
    "gex:extent": "gml:TimePeriod",
    "gex:geographicElement": "gex:EX_GeographicBoundingBox",
    "gex:temporalElement": "gex:EX_TemporalExtent",
    "lan:characterEncoding": "lan:MD_CharacterSetCode",
    "lan:language": "lan:LanguageCode",
    "mcc:level": "mcc:MD_ScopeCode",
    "mco:reference": "cit:CI_Citation",
    "mco:useConstraints": "mco:MD_RestrictionCode",
    "mdb:contact": "cit:CI_Responsibility",
    "mdb:dataQualityInfo": "mdq:DQ_DataQuality",
    "mdb:dateInfo": "cit:CI_Date",
    "mdb:defaultLocale": "lan:PT_Locale",
    "mdb:distributionInfo": "mrd:MD_Distribution",
    "mdb:identificationInfo": "mri:MD_DataIdentification",
    "mdb:metadataIdentifier": "mcc:MD_Identifier",
    "mdb:metadataScope": "mdb:MD_MetadataScope",
    "mdb:metadataStandard": "cit:CI_Citation",
    "mdb:referenceSystemInfo": "mrs:MD_ReferenceSystem",
    "mdb:resourceLineage": "mrl:LI_Lineage",
    "mdb:resourceScope": "mcc:MD_ScopeCode",
    "mdb:spatialRepresentationInfo": "msr:MD_VectorSpatialRepresentation",
    "mdq:measure": "mdq:DQ_MeasureReference",
    "mdq:report": "mdq:DQ_CompletenessOmission",
    "mdq:result": "mdq:DQ_DescriptiveResult mdq:DQ_QuantitativeResult",
    "mdq:scope": "mcc:MD_Scope",
    "mdq:value": "gco:Record",
    "mdq:valueRecordType": "gco:RecordType",
    "mmi:maintenanceAndUpdateFrequency": "mmi:MD_MaintenanceFrequencyCode",
    "mrd:distributionFormat": "mrd:MD_Format",
    "mrd:formatSpecificationCitation": "cit:CI_Citation",
    "mrd:onLine": "cit:CI_OnlineResource",
    "mrd:transferOptions": "mrd:MD_DigitalTransferOptions",
    "mrd:transferSize": "gco:Real",
    "mri:associatedResource": "mri:MD_AssociatedResource",
    "mri:associationType": "mri:DS_AssociationTypeCode",
    "mri:citation": "cit:CI_Citation",
    "mri:defaultLocale": "lan:PT_Locale",
    "mri:descriptiveKeywords": "mri:MD_Keywords",
    "mri:distance": "gco:Distance",
    "mri:extent": "gex:EX_Extent",
    "mri:graphicOverview": "mcc:MD_BrowseGraphic",
    "mri:name": "cit:CI_Citation",
    "mri:pointOfContact": "cit:CI_Responsibility",
    "mri:resourceConstraints": "mco:MD_LegalConstraints",
    "mri:resourceMaintenance": "mmi:MD_MaintenanceInformation",
    "mri:spatialRepresentationType": "mcc:MD_SpatialRepresentationTypeCode",
    "mri:spatialResolution": "mri:MD_Resolution",
    "mri:status": "mcc:MD_ProgressCode",
    "mri:thesaurusName": "cit:CI_Citation",
    "mri:topicCategory": "mri:MD_TopicCategoryCode",
    "mri:type": "mri:MD_KeywordTypeCode",
    "mrl:processStep": "mrl:LI_ProcessStep",
    "mrl:reference": "cit:CI_Citation",
    "mrl:source": "mrl:LI_Source",
    "mrl:sourceCitation": "cit:CI_Citation",
    "mrl:sourceSpatialResolution": "mri:MD_Resolution",
    "mrs:referenceSystemIdentifier": "mcc:MD_Identifier",
    "mrs:referenceSystemType": "mrs:MD_ReferenceSystemTypeCode",
    "msr:geometricObjectCount": "gco:Integer",
    "msr:geometricObjectType": "msr:MD_GeometricObjectTypeCode",
    "msr:geometricObjects": "msr:MD_GeometricObjects",
    "msr:topologyLevel": "msr:MD_TopologyLevelCode",
}
# Values of simple types, XML Schema part 2.
SECOND = r"-?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
TEXTS = {
    "gco:DateTime": SECOND,
    "gco:Date": r"\d{4}-\d\d(-\d\d)?",
    "gco:Decimal": r"-?\d+\.\d+",
    "gco:Real": r"\d+\.\d+",
    "gco:Integer": r"\d+",
    "gco:Distance": r"[\d.]+(e[+-]\d+)?",
    "gco:CharacterString": r"(?s).*\S.*",
    "mri:MD_TopicCategoryCode": "disaster|inlandWaters",
}
CODE_LIST = "http://standards.iso.org/iso/19115/resources/Codelists/cat/codelists.xml#"
NIL_REASON = "{http://standards.iso.org/iso/19115/-3/gco/1.0}nilReason"


def _name(element: Any) -> str:
    prefixes = {uri: prefix for prefix, uri in element.nsmap.items()}
    parts = etree.QName(element)
    return f"{prefixes[parts.namespace]}:{parts.localname}"


def structure_faults(root: Any) -> list[str]:
    """Of a whole document."""
    return [fault for element in root.iter() if (fault := _fault(element))]


def _fault(element: Any) -> str:
    name, children = _name(element), [_name(child) for child in element]
    if name.startswith("gml:") or name in {"gco:Record", "gco:RecordType"}:
        return ""
    if name in CLASSES:
        right = _follows(CLASSES[name], name.partition(":")[0], children)
    elif element.get("codeListValue") is not None:
        right = element.get("codeList") == CODE_LIST + etree.QName(element).localname and bool(element.text)
    elif name in TEXTS:
        right = re.fullmatch(TEXTS[name], element.text or "") is not None
    else:
        right = len(children) == 1 and children[0] in VALUES.get(name, "gco:CharacterString").split()
        right |= not children and element.get(NIL_REASON) == "missing"
    return "" if right else f"{name}: {children} {element.text!r} {dict(element.attrib)}"


def _follows(model: str, prefix: str, children: list[str]) -> bool:
    parts = [re.fullmatch(r"(\w+)([?*+]?)", part) for part in model.split()]
    pattern = "".join(f"(?: {prefix}:{part[1]}){part[2]}" for part in parts if part is not None)
    return re.fullmatch(pattern, "".join(f" {child}" for child in children)) is not None
